import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import type { TableName } from '../resources/plans/sql/referrers.ts';
import { postgresName, quoteIdentifier, quoteQualified } from '../schema/identifier.ts';
import { nextName } from '../schema/placed-field.ts';
import type { PlanStep } from '../schema/plan-step.ts';
import { sqlState } from '../store/database-error.ts';
import type { ActivityDeps } from './deps.ts';
import { runDdl } from './run-ddl.ts';
import { isInvalidIndex } from './sql/is-invalid-index.ts';
import { findPartitionsWithout } from './sql/partitions-without.ts';

const uniqueViolation = '23505';
/**
 * The pool sends a statement again whose connection Postgres has ended: it then finds what the first
 * one left half built, and says that it is there.
 */
const buildsMax = 3;

/** Builds the index of a step, so that it is valid in the end however often it was begun. */
export async function buildIndex(
  deps: ActivityDeps,
  table: TableName,
  step: PlanStep,
  signal?: AbortSignal,
): Promise<void> {
  const { index = '', ofPartitions, sql } = step;
  const { pgNamespace } = table;
  if (ofPartitions === undefined) return buildOne(deps, { pgNamespace, index, sql });
  await runDdl(deps, async (tx) => void (await tx.query({ text: sql })), signal);
  const of = { ...table, index };
  const todo = await findPartitionsWithout(deps.pool, of);
  for (const partition of todo) {
    signal?.throwIfAborted();
    const name = nextName(postgresName(partition, index, ofPartitions.label));
    const [child, parent] = [quoteQualified(pgNamespace, name), quoteQualified(pgNamespace, index)];
    const on = `${quoteQualified(pgNamespace, partition)} ${ofPartitions.definition}`;
    const create = `create ${ofPartitions.unique ? 'unique ' : ''}index concurrently if not exists`;
    await buildOne(deps, {
      ...{ pgNamespace, index: name },
      sql: `${create} ${quoteIdentifier(name)} on ${on}`,
    });
    const attach = `alter index ${parent} attach partition ${child}`;
    await runDdl(deps, (tx) => tx.queryAndCommit(attach), signal);
  }
  // The table's index becomes valid with the last of its partitions'.
  await requireValid(deps, of);
}

/**
 * Outside a transaction and without a lock timeout: while it waits for older transactions it keeps
 * nobody else waiting. What an earlier try left half built is taken down first, and what this one
 * leaves half built is no index.
 */
async function buildOne(
  deps: ActivityDeps,
  { pgNamespace, index, sql }: { pgNamespace: string; index: string; sql: string },
): Promise<void> {
  const { pool } = deps;
  const dropInvalid = async (): Promise<void> => {
    if (!(await isInvalidIndex(pool, { pgNamespace, index }))) return;
    const name = quoteQualified(pgNamespace, index);
    await pool.query({ text: `drop index concurrently if exists ${name}` });
  };
  for (let tries = 1; tries <= buildsMax; tries++) {
    await dropInvalid();
    try {
      await pool.query({ text: sql });
    } catch (error) {
      if (sqlState(error) !== uniqueViolation) throw error;
      await dropInvalid();
      throw unfitData('records share a value that is to be unique');
    }
    if (!(await isInvalidIndex(pool, { pgNamespace, index }))) return;
  }
  await requireValid(deps, { pgNamespace, index });
}

async function requireValid(
  { pool }: ActivityDeps,
  { pgNamespace, index }: { pgNamespace: string; index: string },
): Promise<void> {
  if (!(await isInvalidIndex(pool, { pgNamespace, index }))) return;
  throw new Error(`the index ${index} was built and is not valid`);
}

/** What the schema's condition says: for the log of a worker it is nothing to look at. */
export function unfitData(message: string): ApplicationFailure {
  return ApplicationFailure.create({
    ...{ message, type: 'DataDoesNotFit', nonRetryable: true },
    category: ApplicationFailureCategory.BENIGN,
  });
}
