import type { ResourceRef } from '../../contract/names.ts';
import type { DriftItem } from '../../schema/compare-shapes.ts';
import { referencePath, schemaPath } from '../../schema/compile.ts';
import type { RepairPlan } from '../../schema/plan-repair.ts';
import { planRepair } from '../../schema/plan-repair.ts';
import { columnTypesOf, targetKeys } from '../../schema/schema-references.ts';
import type { Transaction } from '../../store/pool.ts';
import type { ActiveRevision } from '../plans/sql/active-revisions.ts';
import { findActiveRevisions } from '../plans/sql/active-revisions.ts';

export interface VersionItems {
  readonly version: string;
  readonly items: readonly DriftItem[];
}

/** What it takes to put the tables of a schema back, one plan a version. Only reads. */
export async function gatherRepairs(
  tx: Transaction,
  ref: ResourceRef,
  found: readonly VersionItems[],
): Promise<RepairPlan[]> {
  const served = await findActiveRevisions(tx, [ref]);
  const plans: RepairPlan[] = [];
  for (const { version, items } of found) {
    const active = served.find(({ spec }) => spec.version === version);
    if (active === undefined || items.length === 0) continue;
    const { name, revision, pgTable } = active;
    const desired = { ...active, name };
    const columnTypes = columnTypesOf(desired, await findTargets(tx, active));
    plans.push(planRepair({ desired, revision, pgTable, columnTypes, items }));
  }
  return plans;
}

async function findTargets(tx: Transaction, { spec }: ActiveRevision) {
  const refs = spec.fields.flatMap(({ ref }) => (ref === undefined ? [] : [ref]));
  const paths = new Set(refs.map(referencePath));
  const found = await findActiveRevisions(tx, targetKeys(spec));
  return new Map(
    found
      .map((one) => [schemaPath({ ...one, version: one.spec.version }), one] as const)
      .filter(([path]) => paths.has(path)),
  );
}
