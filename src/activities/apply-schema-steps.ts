import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import type { ResourceRef } from '../contract/names.ts';
import { quoteQualified } from '../schema/identifier.ts';
import type { PlanStep } from '../schema/plan-step.ts';
import { sqlState } from '../store/database-error.ts';
import type { Transaction } from '../store/pool.ts';
import type { ActivityDeps } from './deps.ts';
import type { Job } from './durable.ts';
import { gatherSchema } from './gather-schema.ts';
import { runDdl } from './run-ddl.ts';
import { isInvalidIndex } from './sql/is-invalid-index.ts';

export interface SchemaBatch {
  readonly ref: ResourceRef;
  /** The plan that the steps belong to. */
  readonly planHash: string;
  /** Names of the steps to apply. */
  readonly batch: readonly string[];
}

const uniqueViolation = '23505';

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
  if (gathered === undefined || gathered.plan.hash !== planHash) return;
  const { plan, domain, active } = gathered;
  const wanted = plan.steps.filter(({ name }) => batch.includes(name));

  // A table that nobody uses yet is made whole in one transaction.
  if (active === undefined) return applyTogether(deps, wanted);
  for (const step of wanted) {
    job?.signal.throwIfAborted();
    if (step.mode === 'verify') await verify(deps, step);
    else if (step.mode === 'build') await buildIndex(deps, domain.pgNamespace, step);
    else await applyTogether(deps, [step], job?.signal);
  }
}

async function applyTogether(
  deps: ActivityDeps,
  steps: readonly PlanStep[],
  signal?: AbortSignal,
): Promise<void> {
  if (steps.length === 0) return;
  const apply = async (tx: Transaction): Promise<void> => {
    for (const { sql } of steps) await tx.query({ text: sql });
  };
  await runDdl(deps, apply, signal);
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

/** What the schema's condition says: for the log of a worker it is nothing to look at. */
function unfitData(message: string): ApplicationFailure {
  return ApplicationFailure.create({
    ...{ message, type: 'DataDoesNotFit', nonRetryable: true },
    category: ApplicationFailureCategory.BENIGN,
  });
}

/**
 * Outside a transaction and without a lock timeout: while it waits for older transactions it keeps
 * nobody else waiting. What an earlier try left half built is taken down first, and what this one
 * leaves half built is no index.
 */
async function buildIndex(
  { pool }: ActivityDeps,
  pgNamespace: string,
  { sql, index = '' }: PlanStep,
): Promise<void> {
  const dropInvalid = async (): Promise<void> => {
    if (!(await isInvalidIndex(pool, { pgNamespace, index }))) return;
    const name = quoteQualified(pgNamespace, index);
    await pool.query({ text: `drop index concurrently if exists ${name}` });
  };
  await dropInvalid();
  try {
    await pool.query({ text: sql });
  } catch (error) {
    if (sqlState(error) !== uniqueViolation) throw error;
    await dropInvalid();
    throw unfitData('records share a value that is to be unique');
  }
  if (await isInvalidIndex(pool, { pgNamespace, index })) {
    throw new Error(`the index ${index} was built and is not valid`);
  }
}
