import type { Kind, Resource } from '../../contract/kinds.ts';
import { kinds } from '../../contract/kinds.ts';
import type { WatchHandlers } from '../store.ts';
import type { KubernetesClient } from './client.ts';
import { KubernetesError } from './kubernetes-error.ts';
import type { ResourceCache } from './resource-cache.ts';
import type { WatchTiming } from './watch-kind.ts';
import { watchKind } from './watch-kind.ts';

export interface ResourceWatch {
  readonly client: KubernetesClient;
  readonly cache: ResourceCache;
  readonly timing: WatchTiming;
  readonly handlers: WatchHandlers;
  readonly signal: AbortSignal;
}

/**
 * All kinds, each with a stream of its own. Keys may come more often than their resource changed,
 * never less often. Resolves when aborted.
 */
export async function watchResources(options: ResourceWatch): Promise<void> {
  const { cache, handlers, signal } = options;
  const completeness = new Completeness(kinds.length, () => handlers.onSync?.());
  await Promise.all(
    kinds.map(({ kind }) =>
      watchKind({
        ...{ client: options.client, timing: options.timing, kind, signal },
        onList: (resources) => {
          for (const gone of cache.replace(kind, resources)) handlers.onKey(keyOf(gone));
          for (const resource of resources) handlers.onKey(keyOf(resource));
          completeness.listed(kind);
        },
        onChange: (resource) => {
          cache.put(resource);
          handlers.onKey(keyOf(resource));
        },
        onRemoval: (resource) => {
          cache.remove(keyOf(resource));
          handlers.onKey(keyOf(resource));
        },
        onLive: () => {
          cache.unanswered.delete(kind);
          completeness.live(kind);
        },
        onDown: (cause) => {
          // A server that refuses is there: 410 for what it forgot, 404 for a kind without its CRD.
          const away = cause instanceof KubernetesError && cause.isAway;
          if (away) cache.unanswered.add(kind);
          else cache.unanswered.delete(kind);
          completeness.down(kind);
          handlers.onDisconnect?.(cause);
        },
      }),
    ),
  );
}

/**
 * Knows when nothing can be missing: every kind has been listed and has a stream open. Says so when
 * that becomes true, and again after each round of lists.
 */
class Completeness {
  readonly #kinds: number;
  readonly #onSync: () => void;
  readonly #live = new Set<Kind>();
  readonly #listed = new Set<Kind>();
  #synced = false;

  constructor(count: number, onSync: () => void) {
    this.#kinds = count;
    this.#onSync = onSync;
  }

  listed(kind: Kind): void {
    this.#listed.add(kind);
    this.#tell();
  }

  live(kind: Kind): void {
    this.#live.add(kind);
    this.#tell();
  }

  down(kind: Kind): void {
    this.#live.delete(kind);
    this.#synced = false;
  }

  #tell(): void {
    if (this.#live.size < this.#kinds) return;
    const roundDone = this.#listed.size === this.#kinds;
    if (this.#synced && !roundDone) return;
    this.#synced = true;
    if (roundDone) this.#listed.clear();
    this.#onSync();
  }
}

function keyOf({ kind, metadata: { namespace, name } }: Resource) {
  return { kind, namespace, name };
}
