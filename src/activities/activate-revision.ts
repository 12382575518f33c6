import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import { findActiveRevisions } from '../resources/plans/sql/active-revisions.ts';
import { findFreezes } from '../resources/plans/sql/freezes.ts';
import { findCondition } from '../resources/status.ts';
import type { PlanStep } from '../schema/plan-step.ts';
import { concludeReady } from './conclude.ts';
import type { ActivityDeps } from './deps.ts';
import { checkSchemaDrift } from './drift/check-drift.ts';
import { gone } from './find-resource.ts';
import { gatherSchema } from './gather-schema.ts';
import { runDdl } from './run-ddl.ts';
import { describeVersions } from './sql/describe-versions.ts';
import { setPlanState } from './sql/schema-plans.ts';
import { replaceReferences } from './sql/schema-references.ts';
import { insertRevision, lockRevisions } from './sql/schema-revisions.ts';
import { findOpenMigration } from './sql/version-migrations.ts';

export interface Activation {
  readonly ref: ResourceRef;
  /** The spec that the database has been brought to. */
  readonly generation: number;
  readonly planHash: string;
}

const changedMeanwhile: Outcome = {
  phase: 'Provisioning',
  reason: 'SpecChanged',
  message: 'what is wanted or served has changed meanwhile; it is planned again',
};

/**
 * Serves the new revision from now on: the table, where it is new, or its last changes, the revision and its references are
 * one transaction, so that nobody ever sees half of it. A request of the old revision that meets the
 * new table fails without effect and is answered by the new one. One that is active already stays, as do the other versions.
 */
export async function activateRevision(
  deps: ActivityDeps,
  { ref, generation, planHash }: Activation,
): Promise<Outcome> {
  const gathered = await gatherSchema(deps, ref);
  if (gathered === undefined) return gone;
  const { schema, domain, plan } = gathered;
  if (schema.metadata.generation !== generation) return changedMeanwhile;

  const { pgNamespace } = domain;
  const { pgTable } = plan;
  const revision = await runDdl(deps, async (tx) => {
    await lockRevisions(tx, ref);
    if (!gathered.frozen && (await findFreezes(tx, [ref])).length > 0) return undefined;
    const { version } = schema.spec;
    const served = await findActiveRevisions(tx, [ref]);
    const active = served.find(({ spec }) => spec.version === version);
    if (active?.generation === generation) return active.revision;
    if ((await findOpenMigration(tx, ref)) !== undefined) return undefined;
    if (plan.hash !== planHash || active?.revision !== gathered.active?.revision) return undefined;
    const { spec } = schema;
    const { namespace, name } = ref;
    const place = { pgNamespace, pgTable };
    await replaceReferences(tx, place, plan.references);
    await setPlanState(tx, { ref, planHash, state: 'applied' });
    const made = { namespace, name, version, generation, spec, planHash, ...place };
    const revision = await insertRevision(tx, made);
    // Everybody waits from the first of these to the commit, so they are one round trip, which commits.
    const isLast = ({ mode }: PlanStep): boolean => active === undefined || mode === 'swap';
    const last = plan.steps.filter(isLast).map(({ sql }) => sql);
    if (last.length > 0) await tx.queryAndCommit(last.join(';\n'));
    return revision;
  });
  if (revision === undefined) return changedMeanwhile;

  const reason = 'Served';
  const message = `revision ${revision} is served`;
  const outcome = await concludeReady(deps, schema, {
    phase: schema.spec.lifecycle?.frozen === true ? 'Frozen' : 'Ready',
    ...{ reason, message, withdrawn: ['Migrated'] },
    fields: {
      activeRevision: revision,
      versions: await describeVersions(deps.pool, ref),
      pgTable: `${pgNamespace}.${pgTable}`,
      // Counted by the schedule from here on; a table made a moment ago holds none.
      ...(gathered.active === undefined && gathered.beside.length === 0 && { records: 0 }),
      provisionedAt: schema.status?.provisionedAt ?? deps.now().toISOString(),
      ...(schema.status?.plan !== undefined && {
        plan: { ...schema.status.plan, needsApproval: false },
      }),
    },
  });
  // What was different before the change may be so still, or not any more.
  if (findCondition(schema, 'Drifted') !== undefined) await checkSchemaDrift(deps, ref);
  return outcome;
}
