import { setTimeout as sleep } from 'node:timers/promises';
import type { Resource } from '../../contract/kinds.ts';
import type { ResourceKey, ResourceStore } from '../../resources/store.ts';
import type { DevConsole } from './console.ts';

const pollMs = 200;
/** The first reconciles wait for a worker that is still starting; whatever needs longer says so. */
const waitMaxMs = 60_000;
/** Phases in which nothing changes without somebody doing something. */
const settledPhases = ['Ready', 'Failed', 'AwaitingApproval', 'Frozen'];

/** Tells when what was applied is live, or why it is not. Never fails: it only watches. */
export async function awaitReady(options: {
  readonly store: ResourceStore;
  readonly console: DevConsole;
  readonly signal: AbortSignal;
  readonly keys: readonly ResourceKey[];
}): Promise<void> {
  const { store, console, signal } = options;
  const startedAt = performance.now();
  let waiting = options.keys.filter(({ kind }) => kind === 'SchemaDefinition');
  while (waiting.length > 0 && performance.now() - startedAt < waitMaxMs) {
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const still: ResourceKey[] = [];
    for (const key of waiting) {
      const resource = await store.find(key).catch(() => undefined);
      const outcome = resource === undefined ? undefined : settledAs(resource);
      if (outcome === undefined) still.push(key);
      else {
        const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
        console.log('schema', `${key.namespace}/${key.name} ${outcome} (${seconds} s)`);
      }
    }
    waiting = still;
  }
  for (const { namespace, name } of waiting) {
    console.log('schema', `${namespace}/${name} is not Ready after ${waitMaxMs / 1000} s`);
  }
}

/** Undefined while a reconcile of this very generation is still to come. */
function settledAs({ metadata, status }: Resource): string | undefined {
  if (status?.observedGeneration !== metadata.generation) return undefined;
  const phase = status?.phase;
  if (phase === undefined || !settledPhases.includes(phase)) return undefined;
  if (phase === 'Ready') return 'is Ready';
  const reasons = (status?.conditions ?? [])
    .filter((condition) => condition.status === 'False')
    .map(({ message }) => message);
  return `is ${phase}: ${reasons.join(' ')}`;
}
