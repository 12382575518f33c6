import type { ResourceRef } from '../../contract/names.ts';
import type { StatusUpdate } from '../../resources/status.ts';
import { nextStatus } from '../../resources/status.ts';
import type { ActivityDeps } from '../deps.ts';
import { findOfKind, keyOf } from '../find-resource.ts';
import { describeVersions } from '../sql/describe-versions.ts';
import type { VersionMigration } from '../sql/version-migrations.ts';
import { findMigration } from '../sql/version-migrations.ts';

/** Shows in the schema's status how far a migration is. */
export async function reportMigration(
  { store, pool, now }: ActivityDeps,
  ref: ResourceRef,
  id: string,
): Promise<void> {
  const migration = await findMigration(pool, id);
  if (migration === undefined) return;
  const { fromVersion: from, toVersion: to, state, copied, records } = migration;
  const message = describe(migration);
  const condition = {
    type: 'VersionMigrated',
    status:
      state === 'done' ? 'True' : state === 'failed' || state === 'cancelled' ? 'False' : 'Unknown',
    reason: reasons[state],
    message,
  } as const;
  const shown = { id, from, to, state, copied, records: Math.max(records, copied), message };
  await patchVersions({ store, pool, now }, ref, {
    conditions: [condition],
    fields: { migration: shown },
  });
}

/**
 * Writes what is known of a schema's versions. The phase and the generation that it was found for are
 * not theirs to change: an edit of the spec meanwhile is still to be looked at.
 */
export async function patchVersions(
  { store, pool, now }: Pick<ActivityDeps, 'store' | 'pool' | 'now'>,
  ref: ResourceRef,
  { conditions, fields = {} }: Pick<StatusUpdate, 'conditions' | 'fields'>,
): Promise<void> {
  const schema = await findOfKind(store, 'SchemaDefinition', ref);
  if (schema === undefined) return;
  const versions = await describeVersions(pool, ref);
  const phase = schema.status?.phase ?? 'Pending';
  const update = { phase, conditions, fields: { ...fields, versions } };
  const { observedGeneration } = schema.status ?? {};
  await store.patchStatus(keyOf(ref), { ...nextStatus(schema, update, now()), observedGeneration });
}

const reasons = {
  requested: 'Requested',
  copying: 'Copying',
  inStep: 'InStep',
  undoing: 'Undoing',
  done: 'CutOver',
  failed: 'MigrationFailed',
  cancelled: 'MigrationCancelled',
} as const;

function describe({ state, fromVersion, toVersion, ...migration }: VersionMigration): string {
  const { copied, records, hold, message } = migration;
  switch (state) {
    case 'copying':
      return `copies records from ${fromVersion} to ${toVersion}: ${copied} of about ${Math.max(records, copied)}`;
    case 'inStep': {
      const next = hold ? '; to cut over, promote again without --hold' : '';
      return `${toVersion} holds what ${fromVersion} holds, and follows it${next}`;
    }
    case 'done':
      return `${toVersion} has taken over from ${fromVersion}, which is read-only now`;
    case 'undoing':
      return `takes back what was copied: ${message ?? ''}`;
    default:
      return `${message ?? ''}; ${fromVersion} is as it was and ${toVersion} has none of its records`;
  }
}
