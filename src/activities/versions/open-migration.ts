import type { ResourceRef } from '../../contract/names.ts';
import { findReferrers } from '../../resources/plans/sql/referrers.ts';
import { closeOutbox, openOutbox, openTarget } from '../../schema/version-ddl.ts';
import type { ActivityDeps } from '../deps.ts';
import { runDdl } from '../run-ddl.ts';
import { openPosition } from '../sql/outbox.ts';
import { findPlans } from '../sql/schema-plans.ts';
import { lockRevisions } from '../sql/schema-revisions.ts';
import { putVersion } from '../sql/schema-versions.ts';
import { findOpenMigration, updateMigration } from '../sql/version-migrations.ts';
import type { GatheredMigration } from './gather-migration.ts';
import { gatherMigration } from './gather-migration.ts';
import { reportMigration } from './report-migration.ts';

export type OpenedMigration =
  | { readonly next: 'nothing' }
  | { readonly next: 'migrate' | 'undo'; readonly id: string };

/**
 * Takes up the migration that was asked for: from here on the new version takes no writes but the
 * migration's, and every change of the old one is in its outbox. What was opened before stays so.
 */
export async function openMigration(
  deps: ActivityDeps,
  ref: ResourceRef,
): Promise<OpenedMigration> {
  const open = await findOpenMigration(deps.pool, ref);
  if (open === undefined) return { next: 'nothing' };
  const { id } = open;
  if (open.state === 'undoing') return { next: 'undo', id };
  const gathered = await gatherMigration(deps, { ref, id });
  const refusal =
    gathered === undefined
      ? 'what it leads from or to is not served any more'
      : open.state === 'requested'
        ? await findRefusal(deps, ref, gathered)
        : undefined;
  if (gathered === undefined || refusal !== undefined) {
    await updateMigration(deps.pool, id, { state: 'failed', message: refusal ?? '' });
    await reportMigration(deps, ref, id);
    return { next: 'nothing' };
  }
  if (open.state === 'requested') await openTables(deps, ref, gathered);
  await reportMigration(deps, ref, id);
  return { next: 'migrate', id };
}

/** What would stop it later, as far as it can be told from what is declared. */
async function findRefusal(
  { pool }: ActivityDeps,
  ref: ResourceRef,
  { from, to, copy }: GatheredMigration,
): Promise<string | undefined> {
  if (copy.problems.length > 0) return copy.problems.join('; ');
  if (from.standing) return `${from.spec.version} has given its records away already`;
  if (to.standing) return `${to.spec.version} was followed by another version`;
  const underWay = (await findPlans(pool, ref)).some(({ state }) => state === 'applying');
  if (underWay) return 'a change of the schema is under way; ask again when it is done';
  // Records that come and may go again are no ground for others to stand on.
  const referrers = await findReferrers(pool, to);
  if (referrers.length === 0) return undefined;
  return `others refer to ${to.spec.version} already: ${referrers.join(', ')}`;
}

async function openTables(
  deps: ActivityDeps,
  ref: ResourceRef,
  { migration, from, to, references, consumer }: GatheredMigration,
): Promise<void> {
  // What an earlier migration may have left: its rows are of no use to this one.
  await runDdl(deps, async (tx) => {
    for (const text of [...closeOutbox(from), ...openOutbox(from)]) await tx.query({ text });
    await openPosition(tx, consumer);
  });
  await runDdl(deps, async (tx) => {
    await lockRevisions(tx, ref);
    for (const text of openTarget(to, references)) await tx.query({ text });
    const { pgNamespace, pgTable, revision } = to;
    await tx.query({
      text: `select platform.open_copy($1::text, $2::text, $3::text, $4::integer, $5::text)`,
      values: [pgNamespace, pgTable, from.pgTable, revision, migration.id],
    });
    await putVersion(tx, ref, { ...to, version: to.spec.version, state: 'receiving' });
    await updateMigration(tx, migration.id, {
      state: 'copying',
      records: await estimateRows(tx, from),
    });
  });
}

async function estimateRows(
  tx: Parameters<typeof findReferrers>[0],
  { pgNamespace, pgTable }: { pgNamespace: string; pgTable: string },
): Promise<number> {
  const { rows } = await tx.query<{ rows: number }>({
    text: `
      select greatest(t.reltuples, 0)::bigint as rows
        from pg_class t join pg_namespace n on n.oid = t.relnamespace
       where n.nspname = $1::text and t.relname = $2::text`,
    values: [pgNamespace, pgTable],
  });
  return rows[0]?.rows ?? 0;
}
