import type { Client, Connection, WorkflowExecutionInfo } from '@temporalio/client';
import type { WorkflowList, WorkflowView } from '../api/routes/workflows.ts';
import type { Config } from '../config.ts';
import { VelocityError } from '../errors.ts';

/** The API answers without Temporal; this one route does not wait for it any longer. */
const answerWithinMs = 3_000;

interface Engine {
  readonly client: Client;
  readonly connection: Connection;
}

/**
 * The latest workflows as Temporal lists them. Its client is loaded when somebody first asks, since
 * most API processes never need it.
 */
export function createWorkflowList(config: Pick<Config, 'temporalAddress' | 'temporalNamespace'>): {
  list: WorkflowList;
  close(): Promise<void>;
} {
  let engine: Promise<Engine> | undefined;
  return {
    list: async (limit) => {
      engine ??= connect(config);
      const { client, connection } = await engine;
      try {
        return await connection.withDeadline(Date.now() + answerWithinMs, () =>
          takeFirst(client, limit),
        );
      } catch (cause) {
        throw new VelocityError('TEMPORAL_UNAVAILABLE', 'Temporal does not answer.', { cause });
      }
    },
    close: async () => {
      if (engine !== undefined) await (await engine).connection.close();
    },
  };
}

async function connect(
  config: Pick<Config, 'temporalAddress' | 'temporalNamespace'>,
): Promise<Engine> {
  const { Client, Connection } = await import('@temporalio/client');
  const connection = Connection.lazy({ address: config.temporalAddress });
  return { client: new Client({ connection, namespace: config.temporalNamespace }), connection };
}

async function takeFirst(client: Client, limit: number): Promise<WorkflowView[]> {
  const views: WorkflowView[] = [];
  for await (const found of client.workflow.list({ pageSize: limit })) {
    views.push(viewOf(found));
    if (views.length === limit) break;
  }
  return views;
}

function viewOf({ workflowId, type, status, startTime, closeTime }: WorkflowExecutionInfo) {
  return {
    workflowId,
    workflow: type,
    status: status.name,
    startedAt: startTime.toISOString(),
    ...(closeTime !== undefined && { closedAt: closeTime.toISOString() }),
  };
}
