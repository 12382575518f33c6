/** Who calls, as authentication found it. */
export interface Identity {
  readonly organisation: string;
  readonly actor: string;
  readonly actorType: 'user' | 'service';
  /** How it was proved, for the audit: `apikey`, else the AuthStrategy as `namespace/name`. */
  readonly strategy: string;
  /** Only the bootstrap key: everything, everywhere. */
  readonly platformAdmin: boolean;
  /** Limits of the credential itself; undefined: none beyond the bindings'. */
  readonly keyScopes: readonly KeyScope[] | undefined;
  /** Roles that the token carries; they count in `organisation` only. Keys carry none. */
  readonly roles: readonly string[];
  /** Claims of the token, mapped; of keys none. */
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly email?: string;
  readonly credential: Credential;
  /** Revocation could not be asked, and the strategy's failOpen let the caller in. */
  readonly failMode?: 'open';
}

/** What was presented. */
export interface Credential {
  readonly kind: 'apikey' | 'jwt' | 'session' | 'none';
  /** What can be revoked: the key's hash in hex, the token's id (`jti`, else its hash), the session. */
  readonly id: string;
  /** Of a token. */
  readonly issuer?: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
}

export interface KeyScope {
  /** Of the domain that the key belongs to: its scopes are for the schemas there. */
  readonly namespace?: string;
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
