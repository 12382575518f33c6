import type { Client, Connection } from '@temporalio/client';
import { WorkflowIdConflictPolicy, WorkflowNotFoundError } from '@temporalio/client';
import type { Resource } from '../contract/kinds.ts';
import type { RequestedWorkflow, ResourceRef } from '../contract/names.ts';
import {
  reconcileWorkflowId,
  requestedSignal,
  requestedWorkflowId,
  specChangedSignal,
  taskQueues,
} from '../contract/names.ts';
import type { ResourceStore } from '../resources/store.ts';
import { describePlace, ensureSearchAttributes } from './search-attributes.ts';

/** A start takes some 10 ms; a Temporal that needs longer counts as away, and is tried again. */
const startWithinMs = 5_000;
/** A worker that died is noticed after this, and its workflow task given to another. */
const workflowTaskTimeoutMs = 5_000;

export interface WorkflowStarter {
  /**
   * Starts the workflow, or tells the one that runs that its resource has changed, where that is news:
   * told without need it would plan once more, and ask at once for a plan that has just failed. False:
   * the resource is not as it was given, so a run may have done it meanwhile; look at it again.
   */
  start(workflow: string, resource: Resource, told: { isNews: boolean }): Promise<boolean>;
  /** Starts one that somebody asked for, or tells the one that runs that it is asked for again. */
  startRequested(workflow: RequestedWorkflow, resource: Resource): Promise<void>;
}

/** A workflow by its type, id and the signal that it is told by. */
interface Told {
  readonly workflow: string;
  readonly workflowId: string;
  readonly signal: string;
}

export interface StarterOptions {
  readonly client: Client;
  readonly connection: Connection;
  readonly namespace: string;
  readonly store: ResourceStore;
}

export function createWorkflowStarter(options: StarterOptions): WorkflowStarter {
  const { client, connection, namespace, store } = options;
  /** Asked again after a failure: it may be another Temporal that comes back. */
  let searchable: boolean | undefined;

  /** True when a run was there; it is told what is news. */
  const tellRunning = async (workflowId: string, isNews: boolean): Promise<boolean> => {
    try {
      const { status, runId } = await client.workflow.getHandle(workflowId).describe();
      if (status.name !== 'RUNNING') return false;
      if (!isNews) return true;
      // To this very run: by its id alone the signal might reach the next one.
      await client.workflow.getHandle(workflowId, runId).signal(specChangedSignal);
      return true;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false;
      throw error;
    }
  };

  /**
   * A run writes the status before it ends. So once no run is there, a resource that is still as it
   * was when the decision fell has not been seen to by one: nothing runs twice for the same change.
   */
  const start = async (workflow: string, resource: Resource, isNews: boolean): Promise<boolean> => {
    const { kind, metadata } = resource;
    const { namespace: within, name } = metadata;
    if (await tellRunning(reconcileWorkflowId({ kind, namespace: within, name }), isNews))
      return true;
    const now = await store.find({ kind, namespace: within, name });
    if (now?.metadata.resourceVersion !== metadata.resourceVersion) return false;
    const workflowId = reconcileWorkflowId(refOf(resource));
    await startOrTell({ workflow, workflowId, signal: specChangedSignal }, resource);
    return true;
  };

  const startOrTell = async (
    { workflow, workflowId, signal }: Told,
    resource: Resource,
  ): Promise<void> => {
    searchable ??= (await ensureSearchAttributes(connection, namespace)).missing.length === 0;
    const { kind, metadata } = resource;
    const ref = refOf(resource);
    await client.workflow.signalWithStart(workflow, {
      workflowId,
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      taskQueue: taskQueues.control,
      workflowTaskTimeout: workflowTaskTimeoutMs,
      args: [ref],
      signal,
      signalArgs: [],
      staticSummary: `${kind} ${metadata.namespace}/${metadata.name}`,
      ...(searchable ? { typedSearchAttributes: await describePlace(store, resource) } : {}),
    });
  };

  const inTime = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await connection.withDeadline(Date.now() + startWithinMs, work);
    } catch (error) {
      searchable = undefined;
      throw error;
    }
  };

  return {
    start: (workflow, resource, { isNews }) => inTime(() => start(workflow, resource, isNews)),
    startRequested: (workflow, resource) => {
      const workflowId = requestedWorkflowId(workflow, refOf(resource));
      const told = { workflow, workflowId, signal: requestedSignal(workflow) };
      return inTime(() => startOrTell(told, resource));
    },
  };
}

function refOf({ kind, metadata }: Resource): ResourceRef {
  return { kind, namespace: metadata.namespace, name: metadata.name };
}
