/** One SQL statement: `name` makes it a prepared one; values are always parameters. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly unknown[];
}

/** What a transaction runs as: the domain's role and the request's context, read by RLS and triggers. */
export interface SessionContext {
  /** The Postgres role of the domain; the login role itself owns and sees nothing. */
  readonly role: string;
  readonly organisation: string;
  readonly actor: string;
  readonly actorType: string;
  readonly strategy: string;
  readonly requestId: string;
  /** JSON of `{path: [{role, attributes}]}`, what row filters decide by. */
  readonly grants: string;
  readonly reason?: string | undefined;
  readonly ticketRef?: string | undefined;
  /** Whether the caller was let in although revocation could not be asked; for the audit. */
  readonly failMode?: 'open' | undefined;
}

export interface QueryResult<Row = Record<string, unknown>> {
  readonly rows: Row[];
  readonly rowCount: number;
}
