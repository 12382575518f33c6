import type { SchemaDefinition } from '../../contract/kinds.ts';
import type { ResourceRef } from '../../contract/names.ts';
import { dropVersionAnnotation } from '../../contract/names.ts';
import type { Outcome } from '../../contract/outcome.ts';
import type { ActiveRevision } from '../../resources/plans/sql/active-revisions.ts';
import { findActiveRevisions } from '../../resources/plans/sql/active-revisions.ts';
import { findReferrers } from '../../resources/plans/sql/referrers.ts';
import type { ConditionUpdate } from '../../resources/status.ts';
import { isBeingDeleted, isReady } from '../../resources/status.ts';
import { quoteQualified } from '../../schema/identifier.ts';
import { planSchemaRetirement } from '../../schema/plan-domain.ts';
import type { Transaction } from '../../store/pool.ts';
import type { ActivityDeps } from '../deps.ts';
import { findOfKind, gone } from '../find-resource.ts';
import { runDdl } from '../run-ddl.ts';
import { replaceReferences } from '../sql/schema-references.ts';
import { lockRevisions, supersedeRevisions } from '../sql/schema-revisions.ts';
import { putVersion } from '../sql/schema-versions.ts';
import { findOpenMigration } from '../sql/version-migrations.ts';
import { patchVersions } from './report-migration.ts';

/** The version that somebody wants dropped, while it is still served. */
export async function findVersionToDrop(
  { store, pool }: ActivityDeps,
  ref: ResourceRef,
): Promise<string | undefined> {
  const schema = await findOfKind(store, 'SchemaDefinition', ref);
  const version = schema?.metadata.annotations?.[dropVersionAnnotation];
  if (schema === undefined || version === undefined) return undefined;
  // A spec that is not served yet comes first.
  if (isBeingDeleted(schema) || !isReady(schema)) return undefined;
  const served = await findActiveRevisions(pool, [ref]);
  return served.some(({ spec }) => spec.version === version) ? version : undefined;
}

/** Drops the table of a version with all its history, for good; or says what stands against it. */
export async function dropVersion(
  deps: ActivityDeps,
  { ref, version }: { readonly ref: ResourceRef; readonly version: string },
): Promise<Outcome> {
  const schema = await findOfKind(deps.store, 'SchemaDefinition', ref);
  if (schema === undefined) return gone;
  const refusal = await runDdl(deps, async (tx) => {
    await lockRevisions(tx, ref);
    const served = await findActiveRevisions(tx, [ref]);
    const dropped = served.find(({ spec }) => spec.version === version);
    if (dropped === undefined) return undefined;
    const { pgNamespace, pgTable, standing } = dropped;
    await tx.query({
      text: `lock table ${quoteQualified(pgNamespace, pgTable)} in access exclusive mode`,
    });
    const found = await findRefusal(deps, tx, { schema, dropped });
    if (found !== undefined) return found;
    await replaceReferences(tx, dropped, []);
    for (const { sql } of planSchemaRetirement({ pgNamespace }, [pgTable])) {
      await tx.query({ text: sql });
    }
    await supersedeRevisions(tx, { ...ref, version });
    const { successor } = standing ?? {};
    await putVersion(tx, ref, {
      ...{ version, pgNamespace, pgTable, state: 'dropped' },
      ...(successor && { successor }),
    });
    return undefined;
  });
  const message = refusal?.message ?? `${version} is gone, with its records and their history`;
  const condition: ConditionUpdate = {
    type: 'VersionDropped',
    status: refusal === undefined ? 'True' : 'False',
    reason: refusal?.reason ?? 'Dropped',
    message,
  };
  await patchVersions(deps, ref, { conditions: [condition] });
  return { phase: schema.status?.phase ?? 'Pending', reason: condition.reason, message };
}

async function findRefusal(
  { now }: ActivityDeps,
  tx: Transaction,
  { schema, dropped }: { readonly schema: SchemaDefinition; readonly dropped: ActiveRevision },
): Promise<{ reason: string; message: string } | undefined> {
  const { version } = dropped.spec;
  const { namespace, name } = schema.metadata;
  if (version === schema.spec.version) {
    const message = `${version} is the newest version; it goes with the schema itself`;
    return { reason: 'NewestVersion', message };
  }
  if ((await findOpenMigration(tx, { namespace, name })) !== undefined) {
    return {
      reason: 'MigrationRunning',
      message: `${version} stays while records are moving`,
    };
  }
  const referrers = await findReferrers(tx, dropped);
  if (referrers.length > 0) {
    const message = `${version} stays while others refer to it: ${referrers.join(', ')}`;
    return { reason: 'Referenced', message };
  }
  const sunsetAt = dropped.standing?.sunsetAt;
  if (sunsetAt && Date.parse(sunsetAt) > now().getTime()) {
    const day = new Date(sunsetAt).toISOString();
    const message = `${version} is promised until its sunset, ${day}, and goes then`;
    return { reason: 'BeforeSunset', message };
  }
  return undefined;
}
