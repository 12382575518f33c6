import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { VelocityError } from '../errors.ts';
import { contextStatement } from './context.ts';
import {
  ConnectionLostError,
  databaseUnavailable,
  isConflict,
  toVelocityError,
} from './database-error.ts';
import type { QueryResult, SessionContext, Statement } from './statement.ts';
import { typeParsers } from './types.ts';

/** Pipelined connections by default. Each carries many transactions; more only help on more cores. */
const sizeDefault = 6;
/** Transactions queued over all connections before a request is turned away with 503. */
const inFlightMax = 2_000;
/** A deadlock or serialization failure kept nothing, so the transaction runs again this often. */
const attemptsMax = 4;
const reconnectDelaysMs = [50, 200, 500, 1_000, 2_000];

/**
 * Whole transactions over shared connections: BEGIN, the context, the statements and COMMIT are
 * queued in one tick and cost one round trip, so a connection is never held between them. Nothing
 * can be decided in between: what must still refuse does so in SQL (class VE).
 */
export interface Pipeline {
  transact(context: SessionContext, statements: readonly Statement[]): Promise<QueryResult[]>;
  figures(): { readonly connections: number; readonly inFlight: number };
  close(): Promise<void>;
}

export interface PipelineOptions {
  readonly connectionString: string;
  readonly size?: number;
  readonly application: string;
  readonly prepare?: boolean;
}

interface Connection {
  client: pg.Client | undefined;
  inFlight: number;
}

export async function openPipeline(options: PipelineOptions): Promise<Pipeline> {
  const prepare = options.prepare ?? true;
  const connections: Connection[] = Array.from({ length: options.size ?? sizeDefault }, () => ({
    client: undefined,
    inFlight: 0,
  }));
  let inFlight = 0;
  let closed = false;

  async function connect(connection: Connection): Promise<void> {
    const client = new pg.Client({
      connectionString: options.connectionString,
      application_name: options.application,
      types: typeParsers,
      pipeline: true,
    });
    client.on('error', () => {});
    client.on('end', () => {
      if (connection.client !== client) return;
      connection.client = undefined;
      if (!closed) void reconnect(connection);
    });
    await client.connect();
    if (closed) await client.end();
    else connection.client = client;
  }

  async function reconnect(connection: Connection): Promise<void> {
    for (let attempt = 0; !closed; attempt++) {
      try {
        return await connect(connection);
      } catch {
        await sleep(reconnectDelaysMs[Math.min(attempt, reconnectDelaysMs.length - 1)], undefined, {
          ref: false,
        });
      }
    }
  }

  function leastBusy(): Connection | undefined {
    let best: Connection | undefined;
    for (const connection of connections) {
      if (connection.client === undefined) continue;
      if (best === undefined || connection.inFlight < best.inFlight) best = connection;
    }
    return best;
  }

  function attempt(
    context: SessionContext,
    statements: readonly Statement[],
  ): Promise<QueryResult[]> {
    const connection = leastBusy();
    if (connection?.client === undefined) throw databaseUnavailable(undefined);
    connection.inFlight++;
    inFlight++;
    return enqueue(connection.client, context, statements, prepare).finally(() => {
      connection.inFlight--;
      inFlight--;
    });
  }

  await Promise.all(connections.map(connect));

  return {
    async transact(context, statements) {
      if (inFlight >= inFlightMax)
        throw databaseUnavailable(new Error(`${inFlight} transactions are queued`));
      for (let tries = 1; ; tries++) {
        try {
          return await attempt(context, statements);
        } catch (error) {
          if (!isConflict(error) || tries >= attemptsMax) throw toVelocityError(error);
          // Full jitter, so that two transactions that met once do not meet again.
          await sleep(Math.random() * 20 * tries);
        }
      }
    },
    figures: () => ({
      connections: connections.filter((c) => c.client !== undefined).length,
      inFlight,
    }),
    async close() {
      closed = true;
      await Promise.all(connections.map((connection) => connection.client?.end()));
    },
  };
}

/** Queues one whole transaction in this tick; settles when its COMMIT has been answered. */
function enqueue(
  client: pg.Client,
  context: SessionContext,
  statements: readonly Statement[],
  prepare: boolean,
): Promise<QueryResult[]> {
  return new Promise((resolve, reject) => {
    const results: QueryResult[] = [];
    let failure: unknown;
    const failed = (error: unknown): void => {
      failure ??= error;
    };
    const send = (
      statement: Statement,
      done: (error: Error | null, result: pg.QueryResult) => void,
    ): void => {
      void client.query(
        {
          ...(prepare && statement.name !== undefined && { name: statement.name }),
          text: statement.text,
          values: statement.values as unknown[],
        },
        done,
      );
    };

    // One write to the socket for the whole transaction instead of one a message.
    const stream = (
      client as unknown as {
        connection: { stream: NodeJS.WritableStream & { cork(): void; uncork(): void } };
      }
    ).connection.stream;
    stream.cork();
    send({ name: 'velocity.begin', text: 'begin', values: [] }, (error) => error && failed(error));
    send(contextStatement(context), (error) => error && failed(error));
    for (const statement of statements) {
      send(statement, (error, result) => {
        if (error) failed(error);
        else
          results.push({
            rows: result.rows as Record<string, unknown>[],
            rowCount: result.rowCount ?? 0,
          });
      });
    }
    send({ name: 'velocity.commit', text: 'commit', values: [] }, (error, result) => {
      if (error) failed(error);
      else if (result.command !== 'COMMIT')
        failed(new Error('the database answered COMMIT with ROLLBACK'));
      if (failure === undefined) resolve(results);
      else reject(asLoss(failure));
    });
    stream.uncork();
  });
}

function asLoss(error: unknown): unknown {
  if (error instanceof VelocityError || error instanceof pg.DatabaseError) return error;
  return error instanceof Error && error.message.startsWith('the database answered')
    ? error
    : new ConnectionLostError(error);
}
