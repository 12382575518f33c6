import type pg from 'pg';
import type { LoggedWrite } from '../traffic/messages.ts';

/** Where one schema's records, history and audit entries lie; names are quoted. */
export interface TableNames {
  readonly table: string;
  readonly history: string;
  /** Of the audit: `{org}/{app}/{domain}/{object}/{version}`. */
  readonly path: string;
}

/** Writes sent to the database in one parameter. */
const chunkWrites = 20_000;

/**
 * Holds what the clients were answered against table, history and audit: every acknowledged write is
 * in each of them exactly once, no refused one is anywhere, one without an answer is in all or in none.
 * Answers what is wrong, a sentence each.
 */
export async function writeProblems(
  client: pg.Client,
  names: TableNames,
  writes: readonly LoggedWrite[],
): Promise<string[]> {
  await client.query(`create temp table logged (operation text, outcome text, title text, status text,
    quantity numeric, id uuid, version bigint)`);
  for (let from = 0; from < writes.length; from += chunkWrites) {
    await client.query(
      `insert into logged select * from json_populate_recordset(null::logged, $1::json)`,
      [JSON.stringify(writes.slice(from, from + chunkWrites))],
    );
  }
  await client.query('create index on logged (id, version)');
  await client.query('create index on logged (title)');
  await client.query('analyze logged');
  try {
    const { rows } = await client.query<{ problem: string }>(problemsSql(names), [names.path]);
    return rows.map(({ problem }) => problem);
  } finally {
    await client.query('drop table logged');
  }
}

function problemsSql({ table, history }: TableNames): string {
  return `
    with touched as materialized (select distinct id from logged where id is not null),
    -- By title: a create that was not answered has no id here, and may have one there.
    past as materialized (
      select h.id, h.version, h._operation as operation, h.title, h.status, h._audit_id
        from ${history} h where h.id in (select id from touched)
      union
      select h.id, h.version, h._operation, h.title, h.status, h._audit_id
        from ${history} h where h.title like 'traffic %' and h._operation <> 'delete'
    ),
    entry as materialized (
      select entity_id, entity_version, operation, count(*) as entries
        from platform.audit_log where path = $1 and outcome = 'ok' and entity_version is not null
         and entity_id in (select id from past) group by 1, 2, 3
    ),
    last as (
      select distinct on (id) * from logged where outcome = 'ok' order by id, version desc
    )
    select format('%s %s v%s was acknowledged and is in history %s times', l.operation, l.id, l.version, count(p.id)) as problem
      from logged l left join past p on (p.id, p.version, p.operation, p.title, p.status) = (l.id, l.version, l.operation, l.title, l.status)
     where l.outcome = 'ok' group by l.operation, l.id, l.version having count(p.id) <> 1
    union all
    select format('%s "%s" was refused and is in history at v%s', l.operation, l.title, p.version)
      from logged l join past p on p.title = l.title and p.operation <> 'delete' where l.outcome = 'refused' and l.operation <> 'delete'
    union all
    select format('"%s" was not answered and is in history %s times', l.title, count(*))
      from logged l join past p on p.title = l.title and p.operation = l.operation where l.outcome = 'unknown'
     group by l.title having count(*) > 1
    union all
    select format('%s v%s is in history and nobody wrote it', p.id, p.version)
      from past p where not (p.title like 'seed %' and p.version = 1)
       and not exists (select from logged l where (l.id, l.version) = (p.id, p.version) or (l.outcome = 'unknown' and l.title = p.title))
    union all
    select format('%s v%s has %s audit entries', p.id, p.version, coalesce(e.entries, 0))
      from past p left join entry e on (e.entity_id, e.entity_version, e.operation) = (p.id, p.version, p.operation)
     where e.entries is distinct from 1
    union all
    select format('%s is at v%s (%s, %s, %s) and should be at v%s (%s, %s, %s)', l.id, t.version, t.title, t.status, t.quantity,
                  l.version, l.title, l.status, l.quantity)
      from last l left join ${table} t on t.id = l.id
     where not exists (select from logged u where u.id = l.id and u.outcome = 'unknown')
       and (t.version, t.title, t.status, t.quantity::numeric, t.deleted_at is not null)
           is distinct from (l.version, l.title, l.status, l.quantity, l.operation = 'delete')
    union all
    select format('%s is there and nobody wrote it', t.id)
      from ${table} t where t.title like 'traffic %' and not exists (select from past p where (p.id, p.version) = (t.id, t.version))
    union all
    select format('%s is at v%s without a write', t.id, t.version)
      from ${table} t where t.version > 1 and not exists (select from touched where touched.id = t.id)
    limit 50`;
}
