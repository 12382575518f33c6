import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { contextStatement } from './context.ts';
import {
  ConnectionLostError,
  databaseUnavailable,
  isGoodbye,
  NotStartedError,
} from './database-error.ts';
import type { PreparedStatements } from './pipelined-transaction.ts';
import { PipelinedTransaction, trackPrepared } from './pipelined-transaction.ts';
import { withRetries } from './retry.ts';
import type { QueryResult, SessionContext, Statement } from './statement.ts';
import { typeParsers } from './types.ts';

/** Pipelined connections by default. Each carries many transactions; more only help on more cores. */
const sizeDefault = 6;
/** Transactions queued over all connections before a request is turned away with 503. */
const inFlightMax = 2_000;
/** A connection that takes longer is tried anew: what swallowed it may be gone by then. */
const connectTimeoutMs = 2_000;
/** With no connection at all a request waits this long for one: a restart of backends passes unseen. */
const connectionWaitMs = 1_000;
const reconnectDelaysMs = [50, 200, 500, 1_000, 2_000];

/**
 * Whole transactions over shared connections: BEGIN, the context, the statements and COMMIT are
 * queued in one tick and cost one round trip, so a connection is never held between them. Nothing
 * can be decided in between: what must still refuse does so in SQL (class VE).
 */
export interface Pipeline {
  transact<Row = Record<string, unknown>>(
    context: SessionContext,
    statements: readonly Statement[],
  ): Promise<QueryResult<Row>[]>;
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
  live: Live | undefined;
  inFlight: number;
}

interface Live {
  readonly client: pg.Client;
  /** Takes it out of use at once and has it replaced. */
  readonly lose: () => void;
  /** Postgres has said that it ends: whatever it has not begun to answer it has not begun to do. */
  saidGoodbye: boolean;
  readonly prepared: PreparedStatements;
  readonly stream: Writable;
}

export async function openPipeline(options: PipelineOptions): Promise<Pipeline> {
  const prepare = options.prepare ?? true;
  const connections: Connection[] = Array.from({ length: options.size ?? sizeDefault }, () => ({
    live: undefined,
    inFlight: 0,
  }));
  let inFlight = 0;
  let closed = false;
  let connected = Promise.withResolvers<void>();

  async function connect(connection: Connection): Promise<void> {
    const client = new pg.Client({
      connectionString: options.connectionString,
      application_name: options.application,
      types: typeParsers,
      pipeline: true,
      connectionTimeoutMillis: connectTimeoutMs,
    });
    const lose = (): void => {
      if (connection.live?.client !== client) return;
      connection.live = undefined;
      if (!closed) void reconnect(connection);
    };
    client.on('error', (error) => {
      const { live } = connection;
      if (live?.client === client && isGoodbye(error)) live.saidGoodbye = true;
      lose();
    });
    client.on('end', lose);
    await client.connect();
    if (closed) return client.end();
    connection.live = {
      ...{ client, lose, saidGoodbye: false },
      ...{ prepared: trackPrepared(client), stream: streamOf(client) },
    };
    connected.resolve();
    connected = Promise.withResolvers<void>();
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
      if (connection.live === undefined) continue;
      if (best === undefined || connection.inFlight < best.inFlight) best = connection;
    }
    return best;
  }

  async function attempt(
    context: SessionContext,
    statements: readonly Statement[],
  ): Promise<QueryResult[]> {
    let connection = leastBusy();
    if (connection === undefined) {
      await Promise.race([connected.promise, sleep(connectionWaitMs)]);
      connection = leastBusy();
    }
    const live = connection?.live;
    if (connection === undefined || live === undefined) throw databaseUnavailable(undefined);
    connection.inFlight++;
    try {
      return await enqueue(live, context, statements, prepare);
    } catch (error) {
      if (live.saidGoodbye) live.lose();
      throw error;
    } finally {
      connection.inFlight--;
    }
  }

  await Promise.all(connections.map(connect));

  return {
    async transact<Row>(context: SessionContext, statements: readonly Statement[]) {
      if (inFlight >= inFlightMax)
        throw databaseUnavailable(new Error(`${inFlight} transactions are queued`));
      inFlight++;
      try {
        return (await withRetries(() => attempt(context, statements))) as QueryResult<Row>[];
      } finally {
        inFlight--;
      }
    },
    figures: () => ({
      connections: connections.filter((c) => c.live !== undefined).length,
      inFlight,
    }),
    async close() {
      closed = true;
      await Promise.all(connections.map((connection) => connection.live?.client.end()));
    },
  };
}

/** Queues one whole transaction; settles when Postgres has answered its end. */
function enqueue(
  live: Live,
  context: SessionContext,
  statements: readonly Statement[],
  prepare: boolean,
): Promise<QueryResult[]> {
  const { client, prepared, stream } = live;
  // Whatever the requests of one turn of the event loop send leaves in one write a connection.
  if (stream.writableCorked === 0) {
    stream.cork();
    setImmediate(() => stream.uncork());
  }
  return new Promise((resolve, reject) => {
    const transaction = new PipelinedTransaction({
      context: contextStatement(context),
      ...{ statements, prepared, prepare, resolve },
      reject: (error, started) => {
        if (isGoodbye(error)) live.saidGoodbye = true;
        reject(asFailure(error, live.saidGoodbye && !started));
      },
    });
    client.query(transaction as unknown as pg.Query);
  });
}

function streamOf(client: pg.Client): Writable {
  return (client as unknown as { connection: { stream: Writable } }).connection.stream;
}

function asFailure(error: unknown, untouched: boolean): unknown {
  if (untouched) return new NotStartedError(error);
  return error instanceof pg.DatabaseError ? error : new ConnectionLostError(error);
}
