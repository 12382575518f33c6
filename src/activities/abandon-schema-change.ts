import type { ResourceRef } from '../contract/names.ts';
import type { Outcome } from '../contract/outcome.ts';
import type { TableName } from '../resources/plans/sql/referrers.ts';
import { activateRevision } from './activate-revision.ts';
import { concludeNotReady } from './conclude.ts';
import type { ActivityDeps } from './deps.ts';
import { abandonRepair } from './drift/repair-schema.ts';
import { gone } from './find-resource.ts';
import { gatherSchema } from './gather-schema.ts';
import { runDdl } from './run-ddl.ts';
import { dropPreparedParts } from './sql/prepared-parts.ts';
import { setPlanState } from './sql/schema-plans.ts';

export interface Abandoned {
  readonly ref: ResourceRef;
  readonly planHash: string;
  readonly reason: 'MigrationFailed' | 'MigrationCancelled' | 'DataDoesNotFit';
  readonly message: string;
}

/**
 * Compensates: takes down what was prepared, and says why. The old revision has served all along; where
 * the new one does already, nothing is taken back.
 */
export async function abandonSchemaChange(
  deps: ActivityDeps,
  { ref, planHash, reason, message }: Abandoned,
): Promise<Outcome> {
  const repaired = await abandonRepair(deps, { ref, planHash, message });
  if (repaired !== undefined) return repaired;
  const gathered = await gatherSchema(deps, ref);
  if (gathered === undefined) return gone;
  const { schema, domain, plan, active } = gathered;
  // Stopped between the commit that serves the new revision and the status that says so.
  if (active?.planHash === planHash) {
    return activateRevision(deps, { ref, generation: active.generation, planHash });
  }
  if (active !== undefined) {
    await clearPrepared(deps, { pgNamespace: domain.pgNamespace, pgTable: plan.pgTable });
  }
  await setPlanState(deps.pool, { ref, planHash, state: 'failed', reason: message });
  const text = `${message}; everything is as it was and the old revision is served`;
  const migrated = { type: 'Migrated', status: 'False', reason, message: text } as const;
  return concludeNotReady(deps, schema, {
    ...{ phase: 'Failed', reason, message: text, conditions: [migrated] },
    fields: { plan: undefined },
  });
}

/** Leaves the table as the active revision has it. */
export async function clearPrepared(deps: ActivityDeps, table: TableName): Promise<void> {
  await runDdl(deps, async (tx) => {
    for (const text of await dropPreparedParts(tx, table)) await tx.query({ text });
  });
}
