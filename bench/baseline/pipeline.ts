import pg from 'pg';
import type { Statement } from './statements.ts';
import { context } from './statements.ts';

/** As many as Velocity has by default. */
const connectionsCount = 6;

export interface Caller {
  readonly actor: string;
  readonly requestId: string;
  /** What row filters would decide by; the same JSON that Velocity sends. */
  readonly grants: string;
}

export interface Pipeline {
  /** BEGIN, context, the statement and COMMIT in one write and one round trip. */
  transact(caller: Caller, statement: Statement, values: unknown[]): Promise<pg.QueryResult>;
  close(): Promise<void>;
}

interface Connection {
  readonly client: pg.Client;
  inFlight: number;
}

export async function openPipeline(connectionString: string): Promise<Pipeline> {
  const connections: Connection[] = [];
  for (let count = 0; count < connectionsCount; count++) {
    const client = new pg.Client({ connectionString, pipeline: true });
    await client.connect();
    connections.push({ client, inFlight: 0 });
  }
  return {
    async transact(caller, statement, values) {
      const connection = connections.reduce((best, one) =>
        one.inFlight < best.inFlight ? one : best,
      );
      const { client } = connection;
      const { stream } = (client as unknown as { connection: { stream: NodeJS.WriteStream } })
        .connection;
      connection.inFlight++;
      try {
        stream.cork();
        const answers = Promise.all([
          client.query({ name: 'begin', text: 'begin' }),
          client.query({
            ...context,
            values: [caller.actor, caller.requestId, caller.grants, '', ''],
          }),
          client.query({ ...statement, values }),
          client.query({ name: 'commit', text: 'commit' }),
        ]);
        stream.uncork();
        const [, , result, commit] = await answers;
        if (commit.command !== 'COMMIT') throw new Error('the transaction was rolled back');
        return result;
      } finally {
        connection.inFlight--;
      }
    },
    close: async () => {
      await Promise.all(connections.map(({ client }) => client.end()));
    },
  };
}
