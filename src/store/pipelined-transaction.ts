import pg from 'pg';
import type { QueryResult, Statement } from './statement.ts';
import { typeParsers } from './types.ts';

/** What pg's connection offers to a query; its types leave it out. */
interface Wire {
  parse(message: { name: string; text: string }): void;
  bind(message: {
    statement: string;
    values: readonly unknown[];
    valueMapper: (value: unknown) => unknown;
  }): void;
  describe(message: { type: 'P' }): void;
  execute(message: undefined): void;
  sync(): void;
}

interface Column {
  readonly name: string;
  readonly parse: (text: string) => unknown;
}

/** What one connection has prepared, and which columns its statements answer. */
export interface PreparedStatements {
  readonly names: Set<string>;
  readonly columns: Map<string, readonly Column[]>;
  /** Statements whose Parse was sent and not yet confirmed, in the order of sending. */
  readonly unconfirmed: { readonly name: string; readonly sender: PipelinedTransaction }[];
}

/** Follows the confirmations of a connection; call it once for each client. */
export function trackPrepared(client: pg.Client): PreparedStatements {
  const prepared: PreparedStatements = { names: new Set(), columns: new Map(), unconfirmed: [] };
  const { connection } = client as unknown as { connection: NodeJS.EventEmitter };
  connection.on('parseComplete', () => void prepared.unconfirmed.shift());
  return prepared;
}

const { prepareValue } = (pg as unknown as { utils: { prepareValue: (value: unknown) => unknown } })
  .utils;
const noColumns: readonly Column[] = [];
const noValues: readonly unknown[] = [];

/** The class that pg lets into its pipeline; its handlers are not in its types. */
const PgQuery = pg.Query as unknown as new (config: { text: string }) => { name?: string };

export interface PipelinedOptions {
  /** Runs first; its answer is dropped. */
  readonly context: Statement;
  readonly statements: readonly Statement[];
  readonly prepared: PreparedStatements;
  /** False behind a pooler that keeps no prepared statements. */
  readonly prepare: boolean;
  readonly resolve: (results: QueryResult[]) => void;
  /** `started` is false when the failure is the very first answer. */
  readonly reject: (error: unknown, started: boolean) => void;
}

/**
 * One whole transaction as one query of pg's pipeline. Statements up to one Sync are a transaction
 * of their own (PostgreSQL manual, 54.2.4, "Pipelining"): the Sync commits it, an error rolls it
 * back and skips the rest, so nothing is sent to say BEGIN and COMMIT, and Postgres answers with one
 * write where each Sync would cost one. Against BEGIN, context, statement and COMMIT as four
 * queries, a get took 66 µs of this process's time instead of 132 and 55 of the database's instead
 * of 80: 1.4 times the gets a second on two cores (docs/decisions/0014).
 */
export class PipelinedTransaction extends PgQuery {
  readonly #options: PipelinedOptions;
  readonly #results: QueryResult[] = [];
  /** -1: the context. */
  #statement = -1;
  #columns: readonly Column[] = noColumns;
  #rows: Record<string, unknown>[] = [];

  constructor(options: PipelinedOptions) {
    super({ text: '' });
    this.#options = options;
  }

  submit(wire: Wire): null {
    const { context, statements } = this.#options;
    this.#send(wire, context, false);
    for (const statement of statements) this.#send(wire, statement, true);
    wire.sync();
    return null;
  }

  handleRowDescription({ fields }: { fields: { name: string; dataTypeID: number }[] }): void {
    this.#columns = fields.map(({ name, dataTypeID }) => ({
      name,
      parse: typeParsers.getTypeParser(dataTypeID, 'text') as Column['parse'],
    }));
    const name = this.#preparedName(this.#options.statements[this.#statement]);
    if (name !== undefined) this.#options.prepared.columns.set(name, this.#columns);
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    if (this.#statement < 0) return;
    const row: Record<string, unknown> = {};
    for (let index = 0; index < this.#columns.length; index++) {
      const column = this.#columns[index];
      const text = fields[index];
      if (column !== undefined) row[column.name] = text == null ? null : column.parse(text);
    }
    this.#rows.push(row);
  }

  handleCommandComplete({ text }: { text: string }): void {
    if (this.#statement >= 0) {
      this.#results.push({ rows: this.#rows, rowCount: rowCountOf(text) });
      this.#rows = [];
    }
    this.#statement++;
    this.#columns = this.#knownColumns(this.#options.statements[this.#statement]) ?? noColumns;
  }

  handleReadyForQuery(): void {
    this.#options.resolve(this.#results);
  }

  /** Called once, by Postgres's answer or by the loss of the connection. */
  handleError(error: unknown): void {
    const { names, unconfirmed } = this.#options.prepared;
    // What this transaction was the first to send may not have been prepared: the next one sends it.
    while (unconfirmed[0]?.sender === this) {
      names.delete(unconfirmed[0].name);
      unconfirmed.shift();
    }
    this.#options.reject(error, this.#statement >= 0);
  }

  #send(wire: Wire, statement: Statement, answers: boolean): void {
    const { names, unconfirmed } = this.#options.prepared;
    const name = this.#preparedName(statement);
    if (name === undefined || !names.has(name)) {
      wire.parse({ name: name ?? '', text: statement.text });
      unconfirmed.push({ name: name ?? '', sender: this });
      if (name !== undefined) names.add(name);
    }
    wire.bind({
      statement: name ?? '',
      values: statement.values ?? noValues,
      valueMapper: prepareValue,
    });
    if (answers && this.#knownColumns(statement) === undefined) wire.describe({ type: 'P' });
    wire.execute(undefined);
  }

  #preparedName(statement: Statement | undefined): string | undefined {
    return this.#options.prepare ? statement?.name : undefined;
  }

  #knownColumns(statement: Statement | undefined): readonly Column[] | undefined {
    const name = this.#preparedName(statement);
    return name === undefined ? undefined : this.#options.prepared.columns.get(name);
  }
}

/** `INSERT 0 1`, `SELECT 50`: the number at the end of a command's tag. */
function rowCountOf(tag: string): number {
  const count = Number(tag.slice(tag.lastIndexOf(' ') + 1));
  return Number.isNaN(count) ? 0 : count;
}
