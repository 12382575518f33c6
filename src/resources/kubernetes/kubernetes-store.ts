import { isDeepStrictEqual } from 'node:util';
import type { Kind, Resource } from '../../contract/kinds.ts';
import { kinds } from '../../contract/kinds.ts';
import { approvedByAnnotation, requestedByAnnotation } from '../../contract/names.ts';
import { readStamp } from '../admission/stamps.ts';
import { refuseStale } from '../apply-rules.ts';
import { reachableHosts } from '../outbound/reachable-hosts.ts';
import { countByPhase } from '../resource-figures.ts';
import type { ApplyOptions, ApplyResult, ResourceKey, ResourceStore } from '../store.ts';
import type { FindVersions } from './admission-view.ts';
import { createApplyLock } from './apply-lock.ts';
import { applyResources, asJson, fieldManager } from './apply-resources.ts';
import type { KubernetesClient } from './client.ts';
import { patchTypes } from './client.ts';
import { createEventTeller } from './events.ts';
import { KubernetesError } from './kubernetes-error.ts';
import { listObjects } from './list-objects.ts';
import { ResourceCache } from './resource-cache.ts';
import type { ResourceObject } from './resource-object.ts';
import { objectPath, toResource } from './resource-object.ts';
import { translated } from './store-error.ts';
import type { WatchTiming } from './watch-kind.ts';
import { watchResources } from './watch-resources.ts';

/** A stream lives 50 s, and is missed 15 s after it should have ended. */
export const watchTimingDefault: WatchTiming = {
  rotateSeconds: 50,
  silenceMs: 65_000,
  resyncMs: 300_000,
  backoff: { firstMs: 100, lastMs: 10_000 },
};

/** Somebody writes the same object at the same time: looked at again and tried again. */
const conflictsMax = 10;

export interface KubernetesStoreOptions {
  readonly client: KubernetesClient;
  readonly findVersions: FindVersions;
  /** Names this process where it holds something; no two alike. */
  readonly holder: string;
  readonly watchTiming?: WatchTiming;
  /** Reads are answered by what a watch of this store has seen while the API server is away. */
  readonly servesStale?: boolean;
  /** Private addresses that manifests may name: VELOCITY_OUTBOUND_ALLOW. */
  readonly outboundAllow?: readonly string[];
}

/** Resources as custom resources of a cluster. */
export function openKubernetesStore(options: KubernetesStoreOptions): ResourceStore {
  const { client, findVersions, servesStale = false } = options;
  const reachable = reachableHosts(options.outboundAllow ?? []);
  const timing = options.watchTiming ?? watchTimingDefault;
  const events = createEventTeller(client, () => performance.now());
  const lock = createApplyLock(client, options.holder);
  /** Of the watch that runs, once it has seen everything. */
  let seen: ResourceCache | undefined;

  const findObject = (key: ResourceKey) =>
    client.find<ResourceObject>({ method: 'GET', path: objectPath(key) });

  async function list(filter: { kind?: Kind; namespace?: string }): Promise<Resource[]> {
    const wanted = kinds.map(({ kind }) => kind).filter((kind) => isWanted(kind, filter.kind));
    const lists = await Promise.all(
      wanted.map(async (kind) => {
        const within = filter.namespace === undefined ? {} : { namespace: filter.namespace };
        const { items } = await listObjects(client, { kind, ...within });
        return items.map((item) => toResource(kind, item));
      }),
    );
    return lists.flat().sort(byKindAndName);
  }

  /**
   * Reads live; what was seen last where nobody answers and that is good enough. At once where the
   * watch knows already: behind a network that drops packets each try takes five to ten seconds.
   */
  function read<T>(
    kind: Kind | undefined,
    live: () => Promise<T>,
    stale: (cache: ResourceCache) => T,
  ): Promise<T> {
    return translated(async () => {
      if (servesStale && seen !== undefined && isUnanswered(seen, kind)) return stale(seen);
      return live().catch((error: unknown) => {
        const away = error instanceof KubernetesError && error.isAway;
        if (servesStale && away && seen !== undefined) return stale(seen);
        throw error;
      });
    });
  }

  return {
    list: ({ live = false, ...filter } = {}) =>
      live
        ? translated(() => list(filter))
        : read(
            filter.kind,
            () => list(filter),
            (cache) => cache.all().filter(matches(filter)).sort(byKindAndName),
          ),

    find: (key) =>
      read(
        key.kind,
        async () => {
          const object = await findObject(key);
          return object && toResource(key.kind, object);
        },
        (cache) => cache.get(key),
      ),

    findRequester: (key) =>
      translated(async () => {
        const object = await findObject(key);
        const { annotations, generation = 0 } = object?.metadata ?? {};
        return readStamp(annotations?.[requestedByAnnotation], generation);
      }),

    findApprover: (key, plan) =>
      translated(async () => {
        const { annotations } = (await findObject(key))?.metadata ?? {};
        return readStamp(annotations?.[approvedByAnnotation], plan);
      }),

    count: () =>
      read(undefined, async () => countByPhase(seen?.all() ?? (await list({}))), countCached),

    apply: (manifests, applyOptions = {}) => translated(() => apply(manifests, applyOptions)),

    patchStatus: (key, status, as = {}) => translated(() => replaceStatus(key, status, as)),

    addFinalizer: (key, finalizer) =>
      translated(() =>
        changeFinalizers(key, ({ finalizers = [], deletionTimestamp }) =>
          deletionTimestamp === undefined ? [...new Set([...finalizers, finalizer])] : finalizers,
        ),
      ),

    removeFinalizer: (key, finalizer) =>
      translated(() =>
        changeFinalizers(key, ({ finalizers = [] }) =>
          finalizers.filter((name) => name !== finalizer),
        ),
      ),

    delete: (key, deleteOptions = {}) => translated(() => remove(key, deleteOptions)),

    watch: async (handlers, signal) => {
      const cache = new ResourceCache();
      const onSync = () => {
        seen = cache;
        handlers.onSync?.();
      };
      await watchResources({ client, cache, timing, handlers: { ...handlers, onSync }, signal });
      if (seen === cache) seen = undefined;
    },
  };

  function apply(manifests: readonly unknown[], applyOptions: ApplyOptions) {
    const work = (proceed: () => void): Promise<ApplyResult[]> =>
      applyResources({ client, findVersions, reachable }, manifests, { ...applyOptions, proceed });
    return applyOptions.dryRun === true ? work(() => undefined) : lock.run(work);
  }

  /** On the condition that nobody wrote in between, and retold as an Event where it is news. */
  async function replaceStatus(
    key: ResourceKey,
    status: Record<string, unknown>,
    as: { readonly uid?: string; readonly resourceVersion?: string },
  ): Promise<void> {
    const wanted = asJson(status);
    await retryingConflicts(async () => {
      const object = await findObject(key);
      if (object === undefined) return;
      const { uid, resourceVersion } = object.metadata;
      if (as.uid !== undefined && as.uid !== uid) return;
      if (as.resourceVersion !== undefined && as.resourceVersion !== resourceVersion) return;
      if (isDeepStrictEqual(object.status ?? {}, wanted)) return;
      const path = `${objectPath(key)}/status`;
      const query = { fieldManager };
      const body = { ...object, status: wanted };
      const after = await client.find<ResourceObject>({ method: 'PUT', path, query, body });
      if (after !== undefined) events.tell(key.kind, { before: object, after });
    });
  }

  /** On the condition that nobody wrote in between. */
  async function changeFinalizers(
    key: ResourceKey,
    change: (metadata: ResourceObject['metadata']) => readonly string[],
  ): Promise<void> {
    await retryingConflicts(async () => {
      const object = await findObject(key);
      if (object === undefined) return;
      const { finalizers: current = [], resourceVersion, uid } = object.metadata;
      const finalizers = change(object.metadata);
      if (isDeepStrictEqual(finalizers, current)) return;
      const body = { metadata: { uid, resourceVersion, finalizers } };
      const path = objectPath(key);
      await client.find({ method: 'PATCH', path, contentType: patchTypes.merge, body });
    });
  }

  async function remove(
    key: ResourceKey,
    { dryRun = false, resourceVersion }: { dryRun?: boolean; resourceVersion?: string },
  ): Promise<Resource | undefined> {
    return retryingConflicts(async () => {
      const object = await findObject(key);
      if (object === undefined) return undefined;
      const stored = toResource(key.kind, object);
      refuseStale(stored, stored, resourceVersion === undefined ? {} : { resourceVersion });
      const answer = await client.find<Partial<ResourceObject>>({
        ...{ method: 'DELETE', path: objectPath(key) },
        body: {
          preconditions: { uid: stored.metadata.uid, resourceVersion },
          ...(dryRun && { dryRun: ['All'] }),
        },
      });
      // What nothing holds is gone: the answer is no object then, but a word of success.
      const marked = answer?.metadata?.deletionTimestamp;
      if (marked !== undefined) return toResource(key.kind, answer as ResourceObject);
      const deletionTimestamp = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
      return { ...stored, metadata: { ...stored.metadata, deletionTimestamp } } as Resource;
    });
  }
}

function countCached(cache: ResourceCache) {
  return countByPhase(cache.all());
}

/** Of any kind where all are asked for. */
function isUnanswered({ unanswered }: ResourceCache, kind: Kind | undefined): boolean {
  return kind === undefined ? unanswered.size > 0 : unanswered.has(kind);
}

async function retryingConflicts<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      const conflict = error instanceof KubernetesError && error.status === 409;
      if (!conflict || tries >= conflictsMax) throw error;
    }
  }
}

function isWanted(kind: Kind, wanted: Kind | undefined): boolean {
  return wanted === undefined || kind === wanted;
}

function matches({ kind, namespace }: { kind?: Kind; namespace?: string }) {
  return (resource: Resource): boolean =>
    isWanted(resource.kind, kind) &&
    (namespace === undefined || resource.metadata.namespace === namespace);
}

/** Of kind, namespace and name, as the Postgres store has it. */
function byKindAndName(a: Resource, b: Resource): number {
  return (
    compare(a.kind, b.kind) ||
    compare(a.metadata.namespace, b.metadata.namespace) ||
    compare(a.metadata.name, b.metadata.name)
  );
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
