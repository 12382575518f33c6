import { quoteQualified } from '../schema/identifier.ts';
import { syncPartitions } from '../schema/partitioning.ts';
import type { ActivityDeps } from './deps.ts';
import type { Job } from './durable.ts';
import { makePartitions } from './make-partitions.ts';
import { runDdl } from './run-ddl.ts';
import { findPartitionedTables } from './sql/partitioned-tables.ts';

/** Tables of one transaction, which holds their locks until it ends: some 100 ms. */
const pageSize = 20;
/** A quarter ahead: a schedule that stands still for weeks is noticed before anything lands in no month. */
const monthsAhead = 3;

export interface PartitionPage {
  /** `namespace.table` that the page before this one ended with. */
  readonly after: string | undefined;
}

/** The months to come of a page of history tables, and with the first page of the audit log. */
export async function ensureHistoryPartitions(
  deps: ActivityDeps,
  { after }: PartitionPage,
  job?: Pick<Job, 'signal'>,
): Promise<PartitionPage> {
  return runDdl(
    deps,
    async (tx) => {
      const { rows } = await tx.query<{ last: string | null }>({
        name: 'activities.maintain-partitions',
        text: `select platform.maintain_partitions($1::text, $2::integer, $3::integer) as last`,
        values: [after ?? null, pageSize, monthsAhead],
      });
      return { after: rows[0]?.last ?? undefined };
    },
    job?.signal,
  );
}

/** The partitions that a page of record tables lacks, each partition in a transaction of its own. */
export async function ensureRecordPartitions(
  deps: ActivityDeps,
  { after }: PartitionPage,
  job?: Pick<Job, 'signal'>,
): Promise<PartitionPage> {
  const tables = await findPartitionedTables(deps.pool, { after, size: pageSize });
  for (const { spec, pgTable, ...table } of tables) {
    job?.signal.throwIfAborted();
    const sql = syncPartitions({ ...table, pgTable }, spec, { table: pgTable, most: 1 });
    const made = sql === undefined ? 0 : await makePartitions(deps, sql, job?.signal);
    if (made === 0) continue;
    // Autovacuum measures partitions and never the table that they make up.
    await deps.pool.query({ text: `analyze ${quoteQualified(table.pgNamespace, pgTable)}` });
  }
  return { after: tables.length === pageSize ? tables.at(-1)?.place : undefined };
}
