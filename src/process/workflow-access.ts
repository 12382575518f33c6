import type { Client, Connection, WorkflowExecutionInfo } from '@temporalio/client';
import type { PlanDecider } from '../api/routes/schema-plans.ts';
import type { WorkflowList, WorkflowView } from '../api/routes/workflows.ts';
import type { Config } from '../config.ts';
import { decidePlanUpdate, reconcileWorkflowId } from '../contract/names.ts';
import type { ErrorCode } from '../errors.ts';
import { errorCodes, VelocityError } from '../errors.ts';

/** The API answers without Temporal; these few routes do not wait for it any longer. */
const answerWithinMs = 3_000;
/** A decision is taken by a worker, which may have to load the workflow first. */
const decideWithinMs = 10_000;

interface Engine {
  readonly client: Client;
  readonly connection: Connection;
}

/**
 * What the API asks Temporal for: the latest workflows, and a schema's workflow to hear a decision.
 * The client is loaded when somebody first asks, since most API processes never need it.
 */
export function createWorkflowAccess(
  config: Pick<Config, 'temporalAddress' | 'temporalNamespace'>,
): {
  list: WorkflowList;
  decidePlan: PlanDecider;
  close(): Promise<void>;
} {
  let engine: Promise<Engine> | undefined;
  const connected = (): Promise<Engine> => {
    engine ??= connect(config);
    return engine;
  };
  return {
    decidePlan: async (ref, decision) => {
      const { client, connection } = await connected();
      const handle = client.workflow.getHandle(reconcileWorkflowId(ref));
      try {
        await connection.withDeadline(Date.now() + decideWithinMs, () =>
          handle.executeUpdate(decidePlanUpdate, { args: [decision] }),
        );
      } catch (cause) {
        throw toRefusal(cause);
      }
    },
    list: async (limit) => {
      const { client, connection } = await connected();
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

/** The workflow's own refusal has a code of ours; a workflow that does not run waits for nothing. */
function toRefusal(cause: unknown): VelocityError {
  const { name, cause: inner } = cause as {
    name?: string;
    cause?: { type?: string; message?: string };
  };
  if (inner?.type !== undefined && inner.type in errorCodes) {
    return new VelocityError(inner.type as ErrorCode, inner.message ?? '', { cause });
  }
  if (name === 'WorkflowNotFoundError' || inner?.type === 'AcceptedUpdateCompletedWorkflow') {
    const message = 'No plan of this schema waits for a decision.';
    return new VelocityError('APPROVAL_CONFLICT', message, { cause });
  }
  return new VelocityError('TEMPORAL_UNAVAILABLE', 'Temporal does not answer.', { cause });
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
