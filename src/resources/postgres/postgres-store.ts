import type { Resource } from '../../contract/kinds.ts';
import { VelocityError } from '../../errors.ts';
import type { Pool, Transaction } from '../../store/pool.ts';
import { reachableHosts } from '../outbound/reachable-hosts.ts';
import type { ResourceKey, ResourceStore } from '../store.ts';
import { applyResources } from './apply-resources.ts';
import { countResources } from './sql/count-resources.ts';
import { markDeleted, removeDeleted } from './sql/delete-resource.ts';
import { findRequester } from './sql/find-requester.ts';
import { findResource } from './sql/find-resource.ts';
import { listResources, pageSize } from './sql/list-resources.ts';
import { lockResources } from './sql/lock-resources.ts';
import { eraseFinalizer, insertFinalizer } from './sql/write-finalizers.ts';
import { writeStatus } from './sql/write-status.ts';
import { watchResources } from './watch-resources.ts';

/** Notifications are enough by themselves; the resync heals what nobody thought of. */
const resyncMsDefault = 300_000;

/** One answer's worth. */
const listedMax = 100_000;

export interface PostgresStoreOptions {
  readonly pool: Pool;
  /** For a connection of the watch's own: LISTEN belongs to a session. */
  readonly connectionString: string;
  readonly resyncMs?: number;
  /** Private addresses that manifests may name: VELOCITY_OUTBOUND_ALLOW. */
  readonly outboundAllow?: readonly string[];
}

/** Resources in `platform.resources`. Works as velocity_operator and as velocity_api. */
export function openPostgresStore(options: PostgresStoreOptions): ResourceStore {
  const { pool, connectionString, resyncMs = resyncMsDefault } = options;
  const reachable = reachableHosts(options.outboundAllow ?? []);

  return {
    async list(filter = {}) {
      const resources: Resource[] = [];
      for (;;) {
        const last = resources.at(-1);
        const page = await listResources(pool, filter, last && keyOf(last));
        resources.push(...page);
        if (page.length < pageSize) return resources;
        if (resources.length >= listedMax) throw new Error(`more than ${listedMax} resources`);
      }
    },

    find: (key) => findResource(pool, key),

    findRequester: (key) => findRequester(pool, key),

    // Nothing says who wrote an annotation: it is the word of who asked for the spec.
    findApprover: async (key) => (await findRequester(pool, key)) ?? '',

    count: () => countResources(pool),

    apply: (manifests, applyOptions = {}) =>
      inTransaction(pool, applyOptions.dryRun === true, (tx) =>
        applyResources(tx, manifests, { ...applyOptions, reachable }),
      ),

    patchStatus: (key, status, as = {}) => writeStatus(pool, key, status, as),

    addFinalizer: (key, finalizer) => insertFinalizer(pool, key, finalizer),

    removeFinalizer: (key, finalizer) =>
      pool.transaction(async (tx) => {
        await eraseFinalizer(tx, key, finalizer);
        await removeDeleted(tx, key);
      }),

    delete: (key, deleteOptions = {}) =>
      inTransaction(pool, deleteOptions.dryRun === true, async (tx) => {
        const [stored] = await lockResources(tx, [key]);
        if (stored === undefined) return undefined;
        refuseStale(stored, deleteOptions.resourceVersion);
        const marked = (await markDeleted(tx, key)) ?? stored;
        await removeDeleted(tx, key);
        return marked;
      }),

    watch: (handlers, signal) =>
      watchResources({ pool, connectionString, resyncMs, handlers, signal }),
  };
}

/** A dry run does everything that a run does and keeps nothing of it. */
async function inTransaction<T>(
  pool: Pool,
  dryRun: boolean,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  if (!dryRun) return pool.transaction(work);
  const outcome: { value?: T } = {};
  const rollback = new Error('dry run');
  try {
    await pool.transaction(async (tx) => {
      outcome.value = await work(tx);
      throw rollback;
    });
  } catch (error) {
    if (error !== rollback) throw error;
  }
  return outcome.value as T;
}

function refuseStale({ kind, metadata }: Resource, wanted: string | undefined): void {
  if (wanted === undefined || wanted === metadata.resourceVersion) return;
  const message = `${kind} "${metadata.name}" is at version ${metadata.resourceVersion}; the request is for version ${wanted}.`;
  throw new VelocityError('OPTIMISTIC_LOCK_FAILED', message, {
    details: { resourceVersion: metadata.resourceVersion },
    hint: 'Read it again and decide anew.',
  });
}

function keyOf({ kind, metadata: { namespace, name } }: Resource): ResourceKey {
  return { kind, namespace, name };
}
