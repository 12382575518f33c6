import type { ResourceRef } from '../contract/names.ts';
import { quoteQualified } from '../schema/identifier.ts';
import type { PlanStep } from '../schema/plan-schema.ts';
import type { ActivityDeps } from './deps.ts';
import { gatherSchema } from './gather-schema.ts';
import { runDdl } from './run-ddl.ts';
import { isInvalidIndex } from './sql/is-invalid-index.ts';

export interface SchemaBatch {
  readonly ref: ResourceRef;
  /** The spec that was planned for. */
  readonly generation: number;
  /** Names of the steps to apply. */
  readonly batch: readonly string[];
}

/**
 * Applies steps by name. The plan is made anew each time, so that a step that was done before this
 * activity was cut short is not in it any more; one that is done twice changes nothing. When the
 * spec has changed meanwhile nothing is done: the workflow plans again.
 */
export async function applySchemaSteps(
  deps: ActivityDeps,
  { ref, generation, batch }: SchemaBatch,
): Promise<void> {
  const gathered = await gatherSchema(deps, ref);
  if (gathered === undefined || gathered.schema.metadata.generation !== generation) return;
  const { plan, domain, active } = gathered;
  const wanted = plan.steps.filter(({ name }) => batch.includes(name));

  // A table that nobody uses yet is made whole in one transaction.
  if (active === undefined) return applyTogether(deps, wanted);
  for (const step of wanted) {
    if (step.concurrently) await applyConcurrently(deps, domain.pgNamespace, step);
    else await applyTogether(deps, [step]);
  }
}

async function applyTogether(deps: ActivityDeps, steps: readonly PlanStep[]): Promise<void> {
  if (steps.length === 0) return;
  await runDdl(deps, async (tx) => {
    for (const { sql } of steps) await tx.query({ text: sql });
  });
}

/**
 * Outside a transaction and without a lock timeout: while it waits for older transactions it keeps
 * nobody else waiting. What an earlier try left half built is taken down first.
 */
async function applyConcurrently(
  { pool }: ActivityDeps,
  pgNamespace: string,
  { sql, index }: PlanStep,
): Promise<void> {
  if (index !== undefined && (await isInvalidIndex(pool, { pgNamespace, index }))) {
    await pool.query({
      text: `drop index concurrently if exists ${quoteQualified(pgNamespace, index)}`,
    });
  }
  await pool.query({ text: sql });
}
