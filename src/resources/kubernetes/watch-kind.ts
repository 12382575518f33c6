import { setTimeout as sleep } from 'node:timers/promises';
import type { Kind, Resource } from '../../contract/kinds.ts';
import type { KubernetesClient } from './client.ts';
import type { WatchStatus } from './kubernetes-error.ts';
import { KubernetesError } from './kubernetes-error.ts';
import { listObjects } from './list-objects.ts';
import type { ResourceObject } from './resource-object.ts';
import { collectionPath, toResource } from './resource-object.ts';

export interface WatchTiming {
  /** The API server is asked to end each stream after this; the next goes on where it ended. */
  readonly rotateSeconds: number;
  /**
   * A stream that says nothing for this long is dead. Longer than `rotateSeconds`, after which at the
   * latest a living one ends; bookmarks come about every minute.
   */
  readonly silenceMs: number;
  /** Everything is listed anew this often: heals what nobody thought of. */
  readonly resyncMs: number;
  readonly backoff: { readonly firstMs: number; readonly lastMs: number };
}

export interface KindWatch {
  readonly client: KubernetesClient;
  readonly kind: Kind;
  readonly timing: WatchTiming;
  readonly signal: AbortSignal;
  /** All that there is of the kind. */
  onList(resources: readonly Resource[]): void;
  onChange(resource: Resource): void;
  onRemoval(resource: Resource): void;
  /** A stream is open, which misses nothing. */
  onLive(): void;
  /** It has ended, and may have ended before something happened. */
  onDown(cause: unknown): void;
}

/** A stream that ends sooner than this, having said nothing, is no living one. */
const livingMs = 1_000;
/** Failures in a row after which a watch no longer trusts where it was. */
const resumesMax = 2;

/**
 * Follows one kind until the signal, whatever happens to connection and API server: list, then watch
 * from there; after an error again from the last event, after 410 or repeated errors from a new list.
 * An event counts as seen when its handler has returned, so one that threw is seen again.
 */
export async function watchKind(watch: KindWatch): Promise<void> {
  const { timing, signal } = watch;
  let position: string | undefined;
  let listedAt = 0;
  let failures = 0;
  while (!signal.aborted) {
    try {
      if (position === undefined || performance.now() - listedAt >= timing.resyncMs) {
        listedAt = performance.now();
        position = await list(watch);
      }
      const startedAt = performance.now();
      for await (const reached of follow(watch, position)) {
        position = reached;
        failures = 0;
      }
      // A server that is going down ends its streams politely, and at once.
      if (performance.now() - startedAt < livingMs) throw new Error('the watch ended at once');
      failures = 0;
    } catch (cause) {
      if (signal.aborted) return;
      failures += 1;
      watch.onDown(cause);
      const expired = cause instanceof KubernetesError && cause.isExpired;
      if (expired || failures > resumesMax) position = undefined;
      if (!expired || failures > 1) await pause(timing.backoff, failures, signal);
    }
  }
}

async function list({ client, kind, signal, onList }: KindWatch): Promise<string> {
  const { items, resourceVersion } = await listObjects(client, { kind, signal });
  onList(items.map((item) => toResource(kind, item)));
  return resourceVersion;
}

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: ResourceObject;
}

/** Yields how far it has come, after each event that has been handled. */
async function* follow(watch: KindWatch, from: string): AsyncIterable<string> {
  const { client, kind, timing, signal } = watch;
  const { rotateSeconds, silenceMs } = timing;
  const request = { method: 'GET', path: collectionPath(kind), signal } as const;
  const query = {
    watch: true,
    allowWatchBookmarks: true,
    resourceVersion: from,
    timeoutSeconds: rotateSeconds,
  };
  const stream = await client.stream({ ...request, query, silenceMs });
  watch.onLive();
  for await (const value of stream) {
    const { type, object } = value as WatchEvent;
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
        watch.onChange(toResource(kind, object));
        break;
      case 'DELETED':
        watch.onRemoval(toResource(kind, object));
        break;
      case 'BOOKMARK':
        break;
      case 'ERROR':
        throw KubernetesError.reported(request, object as WatchStatus);
    }
    yield object.metadata.resourceVersion;
  }
}

/** Doubles; between half and all of it, so that watches that fell together rise apart. */
async function pause(
  { firstMs, lastMs }: WatchTiming['backoff'],
  failures: number,
  signal: AbortSignal,
): Promise<void> {
  const fullMs = Math.min(lastMs, firstMs * 2 ** Math.min(failures - 1, 30));
  const delayMs = fullMs * (0.5 + Math.random() / 2);
  await sleep(delayMs, undefined, { signal }).catch(() => undefined);
}
