import { setTimeout as sleep } from 'node:timers/promises';
import type { Resource } from '../contract/kinds.ts';
import type { ReconciledKind } from '../contract/names.ts';
import {
  approveBreakingAnnotation,
  confirmDeleteAnnotation,
  dropVersionAnnotation,
  reconcilers,
  reconcileWorkflowId,
} from '../contract/names.ts';
import type { Observe } from '../observe.ts';
import { dependenciesOf } from '../resources/dependencies.ts';
import { isReady } from '../resources/status.ts';
import type { ResourceStore } from '../resources/store.ts';
import type { Decision, SeenResource } from './decide.ts';
import { decide } from './decide.ts';
import { Dependents, formatKey, parseKey } from './dependents.ts';
import { gather } from './gather.ts';
import { reportAccepted, reportWaiting } from './report-status.ts';
import type { WorkflowStarter } from './start-workflow.ts';
import { backoffMs, WorkQueue } from './work-queue.ts';

/** Handling a key is a few small reads and a start; more at a time only queue in Postgres. */
const concurrency = 4;
/** Temporal or the store being away: a try costs little, and its return is noticed soon. */
const errorBackoff = { firstMs: 100, lastMs: 5_000 };
/** Failed work and refused deletions: what they wait for tells nobody. */
const laterBackoff = { firstMs: 5_000, lastMs: 300_000 };

export interface OperatorOptions {
  readonly store: ResourceStore;
  readonly starter: WorkflowStarter;
  readonly observe: Observe;
  /** The watch has done something, be it in vain. */
  readonly onHeard?: () => void;
  now(): Date;
  random(): number;
  readonly signal: AbortSignal;
}

/**
 * Watches all resources until the signal, and for each that is not as it should be starts its
 * workflow or says what it waits for. Holds nothing that the store does not: any number may run.
 */
export async function runOperator(options: OperatorOptions): Promise<void> {
  const { store, observe, random, signal, onHeard = () => undefined } = options;
  const dependents = new Dependents();
  /** Keys that need nothing; all others are looked at again when a dependency changes. */
  const settled = new Set<string>();
  /** What was asked of each key when its workflow was last started. */
  const started = new Map<string, string>();
  /** Whether the last start failed. */
  let temporalFailed = false;
  /** Keys whose dependencies have changed since their workflow was last told. */
  const woken = new Set<string>();
  /** How often a key was put off in a row. */
  const putOff = new Map<string, number>();

  const queue = new WorkQueue({
    concurrency,
    backoff: errorBackoff,
    random,
    sleep: (ms, signal) => sleep(ms, undefined, { signal, ref: false }),
    handle,
    onError: (key, cause) => observeFailure(observe, key, cause),
  });

  async function handle(key: string, due: boolean): Promise<void> {
    settled.delete(key);
    const resource = await store.find(parseKey(key));
    if (resource === undefined) return forget(key);
    const dependencies = dependenciesOf(resource);
    dependents.note(key, dependencies);
    const seen = await gather(store, {
      resource,
      dependencies,
      due,
      started: started.get(key) === askedOf(resource),
    });
    await act(key, seen, decide(seen));
    wakeDependents(key, seen);
  }

  async function act(key: string, seen: SeenResource, decision: Decision): Promise<void> {
    const { resource } = seen;
    const changed = decision.do !== 'tryLater' && !seen.due;
    if (changed || decision.do === 'nothing') putOff.delete(key);
    switch (decision.do) {
      case 'nothing':
        settled.add(key);
        return;
      case 'wait':
        return reportWaiting(options, resource, decision.obstacle);
      case 'accept':
        settled.add(key);
        return reportAccepted(options, resource);
      case 'tryLater': {
        const attempt = (putOff.get(key) ?? 0) + 1;
        putOff.set(key, attempt);
        queue.addAfter(key, backoffMs(laterBackoff, attempt, random()));
        return;
      }
      case 'start':
        if (await startWorkflow(key, seen, decision.workflow)) started.set(key, askedOf(resource));
        else queue.add(key, { due: seen.due });
        return;
    }
  }

  async function startWorkflow(
    key: string,
    { resource, started: isKnown }: SeenResource,
    workflow: string,
  ): Promise<boolean> {
    const { namespace, name } = resource.metadata;
    const workflowId = reconcileWorkflowId({ kind: resource.kind, namespace, name });
    // Before the call: who is woken during it is woken anew.
    const wasWoken = woken.delete(key);
    let isTold = false;
    try {
      isTold = await options.starter.start(workflow, resource, { isNews: wasWoken || !isKnown });
    } catch (cause) {
      temporalFailed = true;
      throw new StartFailure(cause);
    } finally {
      if (wasWoken && !isTold) woken.add(key);
    }
    if (!isTold) return false;
    observe({ type: 'workflow.started', workflow, workflowId });
    if (temporalFailed) startAgain();
    return true;
  }

  /** It may be another Temporal that has come back, one that knows of nothing that was under way. */
  function startAgain(): void {
    temporalFailed = false;
    const underWay = [...started.keys()].filter((key) => !settled.has(key));
    started.clear();
    for (const key of underWay) wake(key);
  }

  /** What waited for this resource may go on; what it held up by being there, too. */
  function wakeDependents(key: string, { resource }: SeenResource): void {
    const serves = isReady(resource) || resource.metadata.deletionTimestamp !== undefined;
    if (!serves) return;
    for (const dependent of dependents.dependentsOf(key)) wake(dependent);
  }

  function forget(key: string): void {
    const freed = [...dependents.dependenciesOf(key), ...dependents.dependentsOf(key)];
    dependents.forget(key);
    putOff.delete(key);
    started.delete(key);
    woken.delete(key);
    for (const other of freed) wake(other);
  }

  function wakeNamed(key: string): void {
    if (settled.has(key)) return;
    woken.add(key);
    queue.add(key, { due: true });
  }

  function wake(key: string): void {
    const { kind, namespace, name } = parseKey(key);
    if (name !== '') {
      wakeNamed(key);
      return;
    }
    // A dependency by namespace alone: its key is known to whoever depended on it by name.
    void store.list({ kind, namespace }).then(
      (found) => {
        for (const { metadata } of found) {
          wakeNamed(formatKey({ kind, namespace, name: metadata.name }));
        }
      },
      (cause: unknown) => observe({ type: 'store.failed', cause }),
    );
  }

  await store.watch(
    {
      onKey: (key) => {
        onHeard();
        queue.add(formatKey(key));
      },
      onDisconnect: (cause) => {
        onHeard();
        observe({ type: 'watch.disconnected', cause });
      },
      onSync: onHeard,
    },
    signal,
  );
  await queue.close();
}

/** All that a workflow is started for: another answer wants another start. */
function askedOf({ metadata }: Resource): string {
  const { uid, generation, deletionTimestamp, annotations } = metadata;
  const confirmed = annotations?.[confirmDeleteAnnotation];
  const approved = annotations?.[approveBreakingAnnotation];
  const dropped = annotations?.[dropVersionAnnotation];
  return JSON.stringify([uid, generation, deletionTimestamp, confirmed, approved, dropped]);
}

/** Keeps apart what went wrong: Temporal here, everything else is the store. */
class StartFailure extends Error {
  constructor(cause: unknown) {
    super('the workflow could not be started', { cause });
    this.name = 'StartFailure';
  }
}

function observeFailure(observe: Observe, key: string, cause: unknown): void {
  const { kind, namespace, name } = parseKey(key);
  if (cause instanceof StartFailure) {
    const workflow = reconcilers[kind as ReconciledKind];
    const workflowId = reconcileWorkflowId({ kind, namespace, name });
    observe({ type: 'workflow.start-failed', workflow, workflowId, cause: cause.cause });
    return;
  }
  observe({ type: 'reconcile.failed', kind, namespace, name, cause });
}
