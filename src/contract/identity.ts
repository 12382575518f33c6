/** Who calls, as authentication found it. `strategy` names how, for the audit. */
export interface Identity {
  readonly organisation: string;
  readonly actor: string;
  readonly actorType: 'user' | 'service';
  readonly strategy: string;
  /** Only the bootstrap key: everything, everywhere. */
  readonly platformAdmin: boolean;
  /** Limits of the credential itself; undefined: none beyond the bindings'. */
  readonly keyScopes: readonly KeyScope[] | undefined;
}

export interface KeyScope {
  readonly schema: string;
  readonly version?: string;
  readonly operations?: readonly string[];
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly fields?: { readonly read?: readonly string[]; readonly write?: readonly string[] };
}

/** A role that counts for one schema, with the attributes its row filters look at. */
export interface Grant {
  readonly role: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}
