import type { ResourceRef } from '../contract/names.ts';
import { findRepair } from '../resources/drift/repair-requests.ts';
import type { PlanStep } from '../schema/plan-step.ts';
import { buildIndex, unfitData } from './build-index.ts';
import type { ActivityDeps } from './deps.ts';
import type { Job } from './durable.ts';
import { gatherSchema } from './gather-schema.ts';
import { makePartitions } from './make-partitions.ts';
import { runDdl } from './run-ddl.ts';

export interface SchemaBatch {
  readonly ref: ResourceRef;
  /** The plan that the steps belong to. */
  readonly planHash: string;
  /** Names of the steps to apply. */
  readonly batch: readonly string[];
}

/**
 * Applies steps by name. Each may be repeated: one that is done twice changes nothing. When the plan
 * is another one meanwhile nothing is done: the workflow plans again.
 */
export async function applySchemaSteps(
  deps: ActivityDeps,
  { ref, planHash, batch }: SchemaBatch,
  job?: Pick<Job, 'signal'>,
): Promise<void> {
  const gathered = await gatherSchema(deps, ref);
  if (gathered === undefined) return;
  const { plan, domain, active } = gathered;
  const repair = await findRepair(deps.pool, ref);
  const steps = repair?.planHash === planHash ? repair.steps : undefined;
  if (plan.hash !== planHash && steps === undefined) return;
  const { pgNamespace } = domain;
  const wanted = (steps ?? plan.steps).filter(({ name }) => batch.includes(name));

  // Asked for by a workflow that an earlier release planned: a new table is made by its activation now.
  // A repair is of tables that serve, whatever version is wanted meanwhile.
  if (active === undefined && steps === undefined) return applyTogether(deps, wanted);
  for (const step of wanted) {
    job?.signal.throwIfAborted();
    const pgTable = step.ofPartitions?.table ?? plan.pgTable;
    if (step.mode === 'verify') await verify(deps, step);
    else if (step.mode === 'build')
      await buildIndex(deps, { pgNamespace, pgTable }, step, job?.signal);
    else if (step.repeats === true) await makePartitions(deps, step.sql, job?.signal);
    else await applyTogether(deps, [step], job?.signal);
  }
}

async function applyTogether(
  deps: ActivityDeps,
  steps: readonly PlanStep[],
  signal?: AbortSignal,
): Promise<void> {
  if (steps.length === 0) return;
  const sql = steps.map((step) => step.sql).join(';\n');
  await runDdl(deps, (tx) => tx.queryAndCommit(sql), signal);
}

/** Counting ends at a thousand. */
const countedMax = 1_000;

async function verify({ pool }: ActivityDeps, { sql, unfit = 'do not fit' }: PlanStep) {
  const { rows } = await pool.query<{ records: number; example: string | null }>({ text: sql });
  const { records = 0, example } = rows[0] ?? {};
  if (records === 0) return;
  const count = records >= countedMax ? `at least ${countedMax}` : String(records);
  throw unfitData(`${count} record${records === 1 ? '' : 's'} ${unfit}, ${example} for one`);
}
