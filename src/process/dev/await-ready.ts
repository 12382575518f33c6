import { setTimeout as sleep } from 'node:timers/promises';
import type { Resource } from '../../contract/kinds.ts';
import type { AppliedManifest } from '../../resources/folder.ts';
import type { ResourceKey, ResourceStore } from '../../resources/store.ts';
import type { DevConsole } from './console.ts';

const pollMs = 200;
/** The first reconciles wait for a worker that is still starting; whatever needs longer says so. */
const waitMaxMs = 60_000;
/** Waiting for a parent is usual for a moment; after this time somebody wants to know. */
const pendingQuietMs = 3_000;
/** Phases in which nothing changes without somebody doing something. */
const settledPhases = ['Ready', 'Failed', 'AwaitingApproval', 'Drifted', 'Frozen'];

/**
 * Tells when each schema that was applied is live, or why it is not and where it stands. `latest`
 * holds the newest apply of each schema, so that an older wait ends in silence. Never fails.
 */
export async function awaitReady(options: {
  readonly store: ResourceStore;
  readonly console: DevConsole;
  readonly signal: AbortSignal;
  readonly manifests: readonly AppliedManifest[];
  readonly latest: Map<string, AppliedManifest>;
}): Promise<void> {
  const { store, console, signal, latest } = options;
  const startedAt = performance.now();
  const told = new Set<AppliedManifest>();
  for (const manifest of options.manifests) latest.set(nameOf(manifest.key), manifest);
  let waiting = [...options.manifests];
  while (waiting.length > 0 && performance.now() - startedAt < waitMaxMs) {
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    waiting = waiting.filter((manifest) => latest.get(nameOf(manifest.key)) === manifest);
    const still: AppliedManifest[] = [];
    for (const manifest of waiting) {
      const resource = await store.find(manifest.key).catch(() => undefined);
      const elapsedMs = performance.now() - startedAt;
      const seen = resource === undefined ? undefined : observe(resource);
      if (seen?.settled !== true) still.push(manifest);
      const late = seen?.settled === false && elapsedMs > pendingQuietMs && !told.has(manifest);
      if (seen?.settled !== true && !late) continue;
      told.add(manifest);
      console.log('schema', `${report(manifest, seen)} (${(elapsedMs / 1000).toFixed(1)} s)`);
    }
    waiting = still;
  }
  for (const { key } of waiting) {
    console.log('schema', `${nameOf(key)} is not Ready after ${waitMaxMs / 1000} s`);
  }
}

interface Observed {
  readonly phase: string;
  readonly reasons: string;
  /** False while it waits for something that may still come by itself. */
  readonly settled: boolean;
}

function report({ key, file, line }: AppliedManifest, { phase, reasons }: Observed): string {
  if (phase === 'Ready') return `${nameOf(key)} is Ready`;
  if (reasons === '') return `${nameOf(key)} is Ready, and ${phase}`;
  return `${file}:${line}: ${nameOf(key)} is ${phase}: ${reasons}`;
}

/** Undefined while a reconcile of this very generation is still to come. */
function observe({ metadata, status }: Resource): Observed | undefined {
  if (status?.observedGeneration !== metadata.generation) return undefined;
  const phase = status?.phase;
  if (phase === undefined) return undefined;
  const reasons = (status?.conditions ?? [])
    .filter((condition) => condition.status === 'False')
    .map(({ message }) => message)
    .join(' ');
  return { phase, reasons, settled: settledPhases.includes(phase) };
}

function nameOf({ namespace, name }: ResourceKey): string {
  return `${namespace}/${name}`;
}
