import { closeOutbox, closeTarget, validateTarget } from '../../schema/version-ddl.ts';
import { firstId } from '../backfill-records.ts';
import type { ActivityDeps } from '../deps.ts';
import { runDdl } from '../run-ddl.ts';
import { dropPosition } from '../sql/outbox.ts';
import { lockRevisions } from '../sql/schema-revisions.ts';
import { dropVersionStanding } from '../sql/schema-versions.ts';
import { lockMigration, updateMigration } from '../sql/version-migrations.ts';
import { closeCopy } from './cut-over.ts';
import { asMigration } from './follow-outbox.ts';
import type { MigrationStep } from './gather-migration.ts';
import { gatherMigration } from './gather-migration.ts';
import { reportMigration } from './report-migration.ts';

export interface AbandonedMigration extends MigrationStep {
  readonly state: 'failed' | 'cancelled';
  readonly message: string;
}

const ended: ReadonlySet<string> = new Set(['done', 'failed', 'cancelled']);
/** Records of one transaction. */
const takenBackMax = 5_000;

/** Compensates: the old version as it was all along, the new one with its own records alone. */
export async function abandonMigration(
  deps: ActivityDeps,
  { state, message, ...step }: AbandonedMigration,
): Promise<void> {
  const gathered = await gatherMigration(deps, step);
  if (gathered === undefined) return setAside(deps, step.id, { state, message });
  const { migration, from, to, references, copy, consumer } = gathered;
  // A cut-over that is under way comes to its end first, and stays.
  const begun = await deps.pool.transaction(async (tx) => {
    const now = await lockMigration(tx, migration.id);
    if (now === undefined || ended.has(now.state)) return false;
    await updateMigration(tx, migration.id, { state: 'undoing', message });
    return true;
  });
  if (!begun) return;
  await runDdl(deps, async (tx) => {
    for (const text of closeOutbox(from)) await tx.query({ text });
    await dropPosition(tx, consumer);
  });
  for (let after: string | null = firstId; after !== null; ) {
    after = await deps.pool.transaction(async (tx): Promise<string | null> => {
      await asMigration(tx, migration);
      const { rows } = await tx.query<{ last: string | null; seen: number }>({
        text: copy.takeBack,
        values: [after, takenBackMax],
      });
      return rows[0]?.last ?? null;
    });
  }
  await runDdl(deps, async (tx) => {
    await lockRevisions(tx, step.ref);
    for (const text of closeTarget(to, references)) await tx.query({ text });
    await closeCopy(tx, gathered, false);
    await dropVersionStanding(tx, { ...step.ref, version: to.spec.version });
    await updateMigration(tx, migration.id, { state, message });
  });
  for (const text of validateTarget(to, references)) {
    await runDdl(deps, (tx) => tx.query({ text }));
  }
  await reportMigration(deps, step.ref, step.id);
}

/** The schema went meanwhile, and with it all that there was to undo. */
function setAside(
  { pool }: ActivityDeps,
  id: string,
  changes: Pick<AbandonedMigration, 'state' | 'message'>,
): Promise<void> {
  return updateMigration(pool, id, changes);
}
