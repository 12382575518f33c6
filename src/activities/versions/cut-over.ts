import { durationDays } from '../../schema/duration.ts';
import { quoteQualified } from '../../schema/identifier.ts';
import { closeOutbox, closeTarget, endWrites, validateTarget } from '../../schema/version-ddl.ts';
import type { Transaction } from '../../store/pool.ts';
import type { ActivityDeps } from '../deps.ts';
import { runDdl } from '../run-ddl.ts';
import { dropPosition } from '../sql/outbox.ts';
import { lockRevisions } from '../sql/schema-revisions.ts';
import { dropVersionStanding, putVersion } from '../sql/schema-versions.ts';
import { lockMigration, updateMigration } from '../sql/version-migrations.ts';
import { getMigration } from './copy-records.ts';
import { asMigration, followOutbox } from './follow-outbox.ts';
import type { GatheredMigration, MigrationStep } from './gather-migration.ts';
import { reportMigration } from './report-migration.ts';

/** Changes that may be left when both tables are held: taken over within some 50 ms. */
const leftMax = 500;
const dayMs = 86_400_000;

export interface CutOver {
  /** False: there was more left than writers may be kept waiting for. */
  readonly done: boolean;
}

/**
 * One transaction, and the only one that holds writers up: what is left is taken over, the old version
 * takes no writes from here on and the new one does. An API that has not heard of it yet is told by
 * the tables themselves. Readers of the old version never wait. Done already, it stays done.
 */
export async function cutOver(deps: ActivityDeps, step: MigrationStep): Promise<CutOver> {
  const gathered = await getMigration(deps, step);
  const done = await runDdl(deps, async (tx) => {
    await lockRevisions(tx, step.ref);
    const migration = await lockMigration(tx, step.id);
    if (migration?.state === 'done') return true;
    if (migration?.state !== 'inStep') throw new Error('the migration is not in step');
    await asMigration(tx, migration);
    const { from, to, references } = gathered;
    await lock(tx, to, 'access exclusive');
    await lock(tx, from, 'share row exclusive');
    // Nobody writes any more and whoever did has ended, so all there will ever be is visible here.
    const left = await followOutbox(tx, gathered, leftMax);
    if (!left.caughtUp) return false;
    for (const text of closeTarget(to, references)) await tx.query({ text });
    await tx.query({ text: endWrites(from, to.spec.version) });
    await closeCopy(tx, gathered, true);
    await succeed(deps, tx, step, gathered);
    await updateMigration(tx, step.id, {
      state: 'done',
      followed: migration.followed + left.rows,
    });
    return true;
  });
  return { done };
}

async function succeed(
  { now }: ActivityDeps,
  tx: Transaction,
  { ref }: MigrationStep,
  { migration, from, to }: GatheredMigration,
): Promise<void> {
  const days = migration.sunset === null ? undefined : durationDays(migration.sunset);
  const at = now().getTime();
  const sunset = days === undefined ? undefined : new Date(at + days * dayMs).toISOString();
  await dropVersionStanding(tx, { ...ref, version: to.spec.version });
  await putVersion(tx, ref, {
    ...from,
    version: from.spec.version,
    state: 'superseded',
    successor: to.spec.version,
    deprecatedAt: from.spec.lifecycle?.deprecatedAt ?? new Date(at).toISOString(),
    sunsetAt: sunset ?? null,
  });
}

/** What need not happen at the same instant, and waits for readers if it must. */
export async function finishMigration(deps: ActivityDeps, step: MigrationStep): Promise<void> {
  const { from, to, references, consumer } = await getMigration(deps, step);
  await runDdl(deps, async (tx) => {
    for (const text of closeOutbox(from)) await tx.query({ text });
    await dropPosition(tx, consumer);
  });
  for (const text of validateTarget(to, references)) {
    await runDdl(deps, (tx) => tx.query({ text }));
  }
  await reportMigration(deps, step.ref, step.id);
}

export async function closeCopy(
  tx: Transaction,
  { to }: GatheredMigration,
  kept: boolean,
): Promise<void> {
  await tx.query({
    text: 'select platform.close_copy($1::text, $2::text, $3::boolean)',
    values: [to.pgNamespace, to.pgTable, kept],
  });
}

async function lock(
  tx: Transaction,
  { pgNamespace, pgTable }: { readonly pgNamespace: string; readonly pgTable: string },
  mode: 'access exclusive' | 'share row exclusive',
): Promise<void> {
  await tx.query({ text: `lock table ${quoteQualified(pgNamespace, pgTable)} in ${mode} mode` });
}
