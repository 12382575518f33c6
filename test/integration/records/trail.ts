import pg from 'pg';
import type { TestApi } from '../api/test-api.ts';

/** Where one schema's records, history and audit entries lie. */
export interface Trail {
  readonly namespace: string;
  readonly table: string;
  readonly history: string;
  readonly path: string;
}

export function trailOf(api: TestApi, object: string): Trail {
  const namespace = api.tenant.namespace.replaceAll('-', '_');
  const name = object.replaceAll('-', '_');
  return {
    namespace,
    table: `${namespace}.${name}_v1`,
    history: `${namespace}.${name}_v1_history`,
    path: `${api.tenant.organisation}/shop/sales/${object}/v1`,
  };
}

export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  await client.connect();
  client.on('error', () => {});
  return client;
}

/**
 * Holds table, history and audit against one another; `superuser` sees all of each. Answers what is
 * wrong, one sentence a record, and so `[]` when every version is there exactly once everywhere,
 * the last one equals the row, and the entries of each record form one unbroken chain.
 */
export async function trailProblems(
  superuser: pg.Client,
  { table, history, path }: Trail,
): Promise<string[]> {
  const { rows } = await superuser.query<{ problem: string }>(
    `with chain as (
       select h.*, lag(h._audit_id) over w as expected_previous, lag(h.version) over w as previous_version,
              lead(h.version) over w is null as is_last
         from ${history} h window w as (partition by h.id order by h._occurred_at)
     ), entry as (
       select * from platform.audit_log where path = $1 and outcome = 'ok' and entity_version is not null
     )
     select format('%s v%s: follows v%s', c.id, c.version, c.previous_version) as problem
       from chain c where c.version <> coalesce(c.previous_version, 0) + 1
     union all
     select format('%s v%s: %s audit entries', c.id, c.version, count(e.id))
       from chain c left join entry e on e.id = c._audit_id group by c.id, c.version having count(e.id) <> 1
     union all
     select format('%s v%s: its audit entry says otherwise', c.id, c.version)
       from chain c join entry e on e.id = c._audit_id
      where (e.entity_id, e.entity_version, e.operation, e.occurred_at, e.actor, e.xid)
            is distinct from (c.id, c.version, c._operation, c._occurred_at, c._actor, c._xid)
     union all
     select format('%s v%s: linked to %s, not to %s', c.id, c.version, e.previous_id, c.expected_previous)
       from chain c join entry e on e.id = c._audit_id where e.previous_id is distinct from c.expected_previous
     union all
     select format('audit entry %s: no version in history', e.id)
       from entry e left join chain c on c._audit_id = e.id where c.id is null
     union all
     select format('%s: last version in history differs from the row', c.id)
       from chain c left join ${table} t on t.id = c.id
      where c.is_last and c._operation <> 'purge'
        and to_jsonb(t) is distinct from to_jsonb(c) - array['_occurred_at', '_operation', '_actor', '_actor_type',
              '_request_id', '_revision', '_xid', '_audit_id', 'expected_previous', 'previous_version', 'is_last']
     union all
     select format('%s: a row without history', t.id)
       from ${table} t where not exists (select from ${history} h where h.id = t.id and h.version = t.version)
     limit 50`,
    [path],
  );
  return rows.map(({ problem }) => problem);
}

/** What history says of one record, oldest first. */
export async function versionsOf(
  superuser: pg.Client,
  { history }: Trail,
  id: string,
): Promise<{ version: number; operation: string; actor: string; at: string }[]> {
  const { rows } = await superuser.query(
    `select version::integer, _operation as operation, _actor as actor, _occurred_at::text as at
       from ${history} where id = $1 order by _occurred_at`,
    [id],
  );
  return rows;
}
