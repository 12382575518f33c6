import { setTimeout as sleep } from 'node:timers/promises';
import type { Kind } from '../contract/kinds.ts';
import { channels, requestedWorkflowId, requestedWorkflows } from '../contract/names.ts';
import type { Observe } from '../observe.ts';
import type { ResourceStore } from '../resources/store.ts';
import type { ListenTo } from '../store/listen.ts';
import type { Pool } from '../store/pool.ts';
import type { WorkflowRequest } from './sql/workflow-requests.ts';
import {
  markStarted,
  requestSilentMigrations,
  sweepRequests,
  takeRequests,
} from './sql/workflow-requests.ts';
import type { WorkflowStarter } from './start-workflow.ts';

/** A notification that was lost is made good after this time. */
const pollMs = 1_000;
/** Temporal being away: tries cost little, and its return is noticed soon. */
const awayMs = 2_000;
const sweepMs = 60_000;
/** Requests started in one transaction, which keeps them from other workers meanwhile. */
const takenMax = 20;

export interface StartRequestedOptions {
  readonly pool: Pool;
  readonly store: ResourceStore;
  readonly starter: Pick<WorkflowStarter, 'startRequested'>;
  readonly listenTo: ListenTo;
  readonly observe: Observe;
  readonly signal: AbortSignal;
}

/**
 * Hands requests for workflows to Temporal, each at least once, until the signal. They were kept in
 * the transactions of those who asked, so nobody waits for Temporal and none is lost while it is away.
 */
export async function startRequested(options: StartRequestedOptions): Promise<void> {
  const { pool, listenTo, observe, signal } = options;
  let wake: () => void = () => undefined;
  const listening = listenTo(channels.workflowRequests, () => wake(), signal);
  let sweptAt = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    const { promise: woken, resolve } = Promise.withResolvers<void>();
    wake = resolve;
    let waitMs = pollMs;
    try {
      if (performance.now() - sweptAt > sweepMs) {
        await pool.transaction(requestSilentMigrations);
        await pool.transaction(sweepRequests);
        sweptAt = performance.now();
      }
      const started = await startSome(options);
      if (started === takenMax) continue;
    } catch (cause) {
      waitMs = awayMs;
      if (!(cause instanceof StartFailure)) observe({ type: 'store.failed', cause });
    }
    const waiting = new AbortController();
    const pause = sleep(waitMs, undefined, { signal: AbortSignal.any([waiting.signal, signal]) });
    const paused = pause.catch(() => undefined);
    await (waitMs === awayMs ? paused : Promise.race([woken, paused]));
    waiting.abort();
  }
  await listening;
}

/** A failure ends the transaction: what was started is started once more, which changes nothing. */
function startSome(options: StartRequestedOptions): Promise<number> {
  return options.pool.transaction(async (tx) => {
    const requests = await takeRequests(tx, takenMax);
    for (const request of requests) await startOne(options, request);
    if (requests.length > 0) {
      await markStarted(
        tx,
        requests.map(({ id }) => id),
      );
    }
    return requests.length;
  });
}

async function startOne(
  { store, starter, observe }: StartRequestedOptions,
  { workflow, ref }: WorkflowRequest,
): Promise<void> {
  const { namespace, name } = ref;
  const resource = await store.find({ kind: ref.kind as Kind, namespace, name });
  // Deleted meanwhile, or asked for by a later release: there is nothing to be started.
  if (resource === undefined || !Object.hasOwn(requestedWorkflows, workflow)) return;
  const workflowId = requestedWorkflowId(workflow, ref);
  try {
    await starter.startRequested(workflow, resource);
  } catch (cause) {
    observe({ type: 'workflow.start-failed', workflow, workflowId, cause });
    throw new StartFailure(cause);
  }
  observe({ type: 'workflow.started', workflow, workflowId });
}

/** Told already. */
class StartFailure extends Error {
  constructor(cause: unknown) {
    super('the workflow could not be started', { cause });
    this.name = 'StartFailure';
  }
}
