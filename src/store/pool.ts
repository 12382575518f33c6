import pg from 'pg';
import {
  databaseUnavailable,
  isGoodbye,
  NotStartedError,
  toVelocityError,
} from './database-error.ts';
import { withRetries } from './retry.ts';
import type { QueryResult, Statement } from './statement.ts';
import { typeParsers } from './types.ts';

/** Connections by default: for cursors, workflows and the platform's own tables, not for records. */
const sizeDefault = 4;
/** A caller waits this long for a free connection before the answer is 503. */
const acquireTimeoutMs = 5_000;

export interface Transaction {
  query<Row = Record<string, unknown>>(statement: Statement): Promise<QueryResult<Row>>;
}

export interface OpenTransaction extends Transaction {
  /**
   * Runs `text`, statements without parameters, and commits, in one round trip: locks that they take are
   * not held while the answer travels and this process finds a core. Nothing may follow it.
   */
  queryAndCommit(text: string): Promise<void>;
}

/** Connections used one request at a time. Every error that has a code of ours carries it. */
export interface Pool extends Transaction {
  /** Commits what `work` did, or rolls all of it back. Nothing in `work` may use another connection. */
  transaction<T>(work: (tx: OpenTransaction) => Promise<T>): Promise<T>;
  figures(): { readonly total: number; readonly idle: number; readonly waiting: number };
  close(): Promise<void>;
}

export interface PoolOptions {
  readonly connectionString: string;
  readonly size?: number;
  /** Shown in pg_stat_activity. */
  readonly application: string;
  /** False behind a pooler that keeps no prepared statements. */
  readonly prepare?: boolean;
}

export function openPool(options: PoolOptions): Pool {
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    max: options.size ?? sizeDefault,
    application_name: options.application,
    connectionTimeoutMillis: acquireTimeoutMs,
    types: typeParsers,
  });
  // An idle connection that dies is replaced at the next use; without a listener it ends the process.
  pool.on('error', () => {});
  const prepare = options.prepare ?? true;

  async function run<Row>(
    client: pg.PoolClient | pg.Pool,
    statement: Statement,
  ): Promise<QueryResult<Row>> {
    const result = await client.query({
      ...(prepare && statement.name !== undefined && { name: statement.name }),
      text: statement.text,
      values: [...(statement.values ?? [])],
    });
    return { rows: result.rows as Row[], rowCount: result.rowCount ?? 0 };
  }

  /** A connection may have died in the pool; before BEGIN nothing is lost by taking another one. */
  async function begin(): Promise<pg.PoolClient> {
    const client = await pool.connect().catch((error: unknown) => {
      throw databaseUnavailable(error);
    });
    client.on('error', ignoreLoss);
    try {
      await client.query('begin');
      return client;
    } catch (error) {
      client.off('error', ignoreLoss);
      client.release(true);
      throw new NotStartedError(error);
    }
  }

  return {
    query<Row>(statement: Statement) {
      return withRetries(async () => {
        try {
          return await run<Row>(pool, statement);
        } catch (error) {
          throw isGoodbye(error) ? new NotStartedError(error) : asConnectionLoss(error);
        }
      });
    },
    async transaction<T>(work: (tx: OpenTransaction) => Promise<T>) {
      const client = await withRetries(begin);
      let broken = false;
      let isCommitted = false;
      try {
        const outcome = await work({
          query: (statement) => run(client, statement),
          queryAndCommit: async (text) => {
            await commit(client, text);
            isCommitted = true;
          },
        });
        if (!isCommitted) await commit(client);
        return outcome;
      } catch (error) {
        broken = await client.query('rollback').then(
          () => false,
          () => true,
        );
        throw toVelocityError(broken ? asConnectionLoss(error) : error);
      } finally {
        client.off('error', ignoreLoss);
        client.release(broken);
      }
    },
    figures: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: () => pool.end(),
  };
}

async function commit(client: pg.PoolClient, before?: string): Promise<void> {
  const answered = await client.query(before === undefined ? 'commit' : `${before};\ncommit`);
  // One result a statement, as pg answers several.
  const { command } = [answered].flat().at(-1) as pg.QueryResult;
  if (command !== 'COMMIT') throw new Error('the database rolled the transaction back');
}

/** A connection that dies in mid transaction tells it by the next query; the event is no news. */
function ignoreLoss(): void {}

/** What pg throws when a connection ends has no code of its own; a database error has. */
function asConnectionLoss(error: unknown): unknown {
  const plain =
    error instanceof Error && !(error instanceof pg.DatabaseError) && !('code' in error);
  return plain && error.constructor === Error ? databaseUnavailable(error) : error;
}
