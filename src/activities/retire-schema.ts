import type { SchemaDefinition } from '../contract/kinds.ts';
import type { ResourceRef } from '../contract/names.ts';
import { confirmDeleteAnnotation } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import { findVersionTables } from '../resources/plans/sql/active-revisions.ts';
import { findDomain } from '../resources/plans/sql/find-domain.ts';
import type { TableName } from '../resources/plans/sql/referrers.ts';
import { findReferrers } from '../resources/plans/sql/referrers.ts';
import { recordTableName } from '../schema/compile.ts';
import { quoteQualified } from '../schema/identifier.ts';
import { planSchemaRetirement } from '../schema/plan-domain.ts';
import type { Transaction } from '../store/pool.ts';
import { letGo, refuseDeletion } from './conclude.ts';
import type { ActivityDeps } from './deps.ts';
import { findOfKind, gone } from './find-resource.ts';
import { runDdl } from './run-ddl.ts';
import { countedMax, countLiveRecords } from './sql/count-live-records.ts';
import { forgetDrift } from './sql/drift.ts';
import { replaceReferences } from './sql/schema-references.ts';
import { reviveRevisions, supersedeRevisions } from './sql/schema-revisions.ts';
import { forgetVersions } from './sql/schema-versions.ts';
import { findOpenMigration } from './sql/version-migrations.ts';

export type Closed =
  | { readonly next: 'drop' }
  | { readonly next: 'nothing'; readonly outcome: Outcome };

interface Retiring {
  readonly schema: SchemaDefinition;
  readonly pgNamespace: string;
  /** Of every version. */
  readonly pgTables: readonly string[];
  readonly confirmed: boolean;
}

interface Refusal {
  readonly reason: string;
  readonly message: string;
}

/** Ends the route, unless something stands against the deletion of the schema. */
export async function closeRoute(deps: ActivityDeps, ref: ResourceRef): Promise<Closed> {
  const retiring = await gatherRetiring(deps, ref);
  if (retiring === undefined) return { next: 'nothing', outcome: gone };
  const refusal = await findRefusal(deps.pool, retiring);
  if (refusal !== undefined) {
    // An earlier try may have come as far as closing it.
    await reopenRoute(deps.pool, retiring);
    const outcome = await refuseDeletion(deps, retiring.schema, refusal);
    return { next: 'nothing', outcome };
  }
  await supersedeRevisions(deps.pool, ref);
  return { next: 'drop' };
}

/**
 * Drops the tables of all versions, their history and references in one transaction, under locks that
 * no write passes: a record that came in while the routes were closing still stops it, and they open
 * again.
 */
export async function dropSchema(deps: ActivityDeps, ref: ResourceRef): Promise<Outcome> {
  const retiring = await gatherRetiring(deps, ref);
  if (retiring === undefined) return gone;
  const { schema, pgNamespace, pgTables } = retiring;
  const refusal = await runDdl(deps, async (tx) => {
    for (const pgTable of pgTables) await lockTable(tx, { pgNamespace, pgTable });
    const found = await findRefusal(tx, retiring);
    if (found !== undefined) {
      await reopenRoute(tx, retiring);
      return found;
    }
    for (const { sql } of planSchemaRetirement({ pgNamespace }, pgTables)) {
      await tx.query({ text: sql });
    }
    for (const pgTable of pgTables) await replaceReferences(tx, { pgNamespace, pgTable }, []);
    await forgetVersions(tx, ref);
    await forgetDrift(tx, ref);
    return undefined;
  });
  if (refusal !== undefined) return refuseDeletion(deps, schema, refusal);
  return letGo(deps, schema);
}

/** Undefined when the schema is gone. Without a domain there is nothing in the database either. */
async function gatherRetiring(
  { store, pool }: ActivityDeps,
  ref: ResourceRef,
): Promise<Retiring | undefined> {
  const schema = await findOfKind(store, 'SchemaDefinition', ref);
  if (schema === undefined) return undefined;
  const domain = await findDomain(pool, ref.namespace);
  const since = schema.metadata.creationTimestamp ?? 'infinity';
  const served = await findVersionTables(pool, { namespace: ref.namespace, name: ref.name, since });
  // The table of the wanted version may be there before its first revision is.
  const wanted = recordTableName(ref.name, schema.spec.version);
  return {
    schema,
    pgNamespace: domain?.pgNamespace ?? '',
    pgTables: [...new Set([...served, wanted])].sort(),
    confirmed: schema.metadata.annotations?.[confirmDeleteAnnotation] === ref.name,
  };
}

async function findRefusal(tx: Transaction, retiring: Retiring): Promise<Refusal | undefined> {
  const { schema, confirmed, pgNamespace, pgTables } = retiring;
  const referrers: string[] = [];
  let records = 0;
  for (const pgTable of pgTables) {
    referrers.push(...(await findReferrers(tx, { pgNamespace, pgTable }, pgTables)));
    if (!confirmed) records += await countLiveRecords(tx, { pgNamespace, pgTable });
  }
  const { namespace, name } = schema.metadata;
  if ((await findOpenMigration(tx, { namespace, name })) !== undefined) {
    const message = 'its records are moving from one version to another; cancel that first';
    return { reason: 'MigrationRunning', message };
  }
  if (referrers.length > 0) {
    const message = `delete what refers to it first: ${referrers.join(', ')}`;
    return { reason: 'Referenced', message };
  }
  if (records === 0) return undefined;
  const count = records > countedMax ? `more than ${countedMax}` : String(records);
  return {
    reason: 'HoldsRecords',
    message: `it holds ${count} record${records === 1 ? '' : 's'}; to lose them all, run: velocity delete sd ${name} -n ${namespace} --confirm`,
  };
}

async function reopenRoute(tx: Transaction, { schema }: Retiring): Promise<void> {
  const { namespace, name, creationTimestamp = 'infinity' } = schema.metadata;
  await reviveRevisions(tx, { namespace, name, since: creationTimestamp });
}

async function lockTable(tx: Transaction, { pgNamespace, pgTable }: TableName): Promise<void> {
  const table = quoteQualified(pgNamespace, pgTable);
  const { rows } = await tx.query<{ there: boolean }>({
    text: `select to_regclass($1::text) is not null as there`,
    values: [table],
  });
  if (rows[0]?.there) await tx.query({ text: `lock table ${table} in access exclusive mode` });
}
