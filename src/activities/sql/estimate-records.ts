import type { TableName } from '../../resources/plans/sql/referrers.ts';
import { quoteQualified } from '../../schema/identifier.ts';
import { sqlState } from '../../store/database-error.ts';
import type { Pool } from '../../store/pool.ts';

/** Up to here records are counted; of more, Postgres's own statistics tell about how many there are. */
const countedMax = 10_000;
/** Tables of one page; longer means that one of them holds mostly deleted records, or is locked. */
const countWithinMs = 2_000;

/**
 * How many records these tables hold that are not deleted: exact up to ten thousand, beyond that an
 * estimate with two digits, so that it changes when something changes and not with every write.
 */
export async function estimateRecords(
  pool: Pool,
  tables: readonly TableName[],
): Promise<(number | undefined)[]> {
  if (tables.length === 0) return [];
  const names = tables.map(({ pgNamespace, pgTable }) => quoteQualified(pgNamespace, pgTable));
  const { rows } = await pool.query<{ estimate: number | null }>({
    name: 'activities.estimate-records',
    text: `
      select e.estimate from unnest($1::text[]) with ordinality as w (name, place)
      left join lateral (
        select sum(case when c.relpages > 0 then c.reltuples::float8 / c.relpages
                             * (pg_relation_size(c.oid) / current_setting('block_size')::float8)
                        else 0 end)::float8
               * coalesce((select s.null_frac from pg_stats s join pg_class t on t.oid = to_regclass(w.name)
                            where s.schemaname = t.relnamespace::regnamespace::text and s.tablename = t.relname
                              and s.attname = 'deleted_at' order by s.inherited desc limit 1), 1) as estimate
          from pg_partition_tree(to_regclass(w.name)) p join pg_class c on c.oid = p.relid and p.isleaf
      ) as e on true
      order by w.place`,
    values: [names],
  });
  const few = names.filter((_, place) => (rows[place]?.estimate ?? 0) <= countedMax * 2);
  const counted = await countFew(pool, few);
  return names.map((name, place) => {
    const count = counted.get(name);
    if (count !== undefined && count <= countedMax) return count;
    const estimate = Math.max(rows[place]?.estimate ?? 0, count ?? 0);
    return estimate > 0 ? Number(estimate.toPrecision(2)) : undefined;
  });
}

/** One statement for all; none of them when it takes too long. */
async function countFew(pool: Pool, names: readonly string[]): Promise<Map<string, number>> {
  if (names.length === 0) return new Map();
  const counts = names.map(
    (name) =>
      `(select count(*)::integer from (select from ${name} where deleted_at is null limit ${countedMax + 1}) as live)`,
  );
  try {
    return await pool.transaction(async (tx) => {
      await tx.query({ text: `set local statement_timeout = ${countWithinMs}` });
      await tx.query({ text: `set local lock_timeout = ${countWithinMs / 4}` });
      const text = `select array[${counts.join(',\n')}] as counts`;
      const { rows } = await tx.query<{ counts: number[] }>({ text });
      return new Map(names.map((name, place) => [name, rows[0]?.counts[place] ?? 0]));
    });
  } catch (error) {
    // Gone a moment ago, locked, mostly deleted records, another's: no figure is no failure.
    if (sqlState(error) === undefined) throw error;
    return new Map();
  }
}
