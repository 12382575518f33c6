import type { ResourceRef } from '../../contract/names.ts';
import { nextStatus } from '../../resources/status.ts';
import type { ActivityDeps } from '../deps.ts';
import { findOfKind, keyOf } from '../find-resource.ts';
import { describeVersions } from '../sql/describe-versions.ts';
import type { VersionMigration } from '../sql/version-migrations.ts';
import { findMigration } from '../sql/version-migrations.ts';

/**
 * Shows in the schema's status how far a migration is. The phase and the generation that it was found
 * for are not a migration's to change: an edit of the spec meanwhile is still to be looked at.
 */
export async function reportMigration(
  { store, pool, now }: ActivityDeps,
  ref: ResourceRef,
  id: string,
): Promise<void> {
  const migration = await findMigration(pool, id);
  const schema = await findOfKind(store, 'SchemaDefinition', ref);
  if (schema === undefined || migration === undefined) return;
  const { fromVersion: from, toVersion: to, state, copied, records } = migration;
  const message = describe(migration);
  const condition = {
    type: 'VersionMigrated',
    status:
      state === 'done' ? 'True' : state === 'failed' || state === 'cancelled' ? 'False' : 'Unknown',
    reason: reasons[state],
    message,
  } as const;
  const status = nextStatus(
    schema,
    {
      phase: schema.status?.phase ?? 'Pending',
      conditions: [condition],
      fields: {
        versions: await describeVersions(pool, ref),
        migration: { from, to, state, copied, records: Math.max(records, copied), message },
      },
    },
    now(),
  );
  const { observedGeneration } = schema.status ?? {};
  await store.patchStatus(keyOf(ref), { ...status, observedGeneration });
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
  const { copied, records, followed, hold, message } = migration;
  switch (state) {
    case 'copying':
      return `copies records from ${fromVersion} to ${toVersion}: ${copied} of about ${Math.max(records, copied)}`;
    case 'inStep':
      return hold
        ? `${toVersion} holds what ${fromVersion} holds and follows it, ${followed} changes so far; to cut over, promote again without --hold`
        : `${toVersion} holds what ${fromVersion} holds and follows it, ${followed} changes so far`;
    case 'done':
      return `${copied} records moved from ${fromVersion} to ${toVersion}; ${fromVersion} is read-only`;
    case 'undoing':
      return `takes back what was copied: ${message ?? ''}`;
    default:
      return `${message ?? ''}; ${fromVersion} is as it was and ${toVersion} has none of its records`;
  }
}
