import type { ShapePart } from '../schema/compare-shapes.ts';
import type { Transaction } from './pool.ts';

/** A record table and its history, as the catalogue is asked about them. */
export interface ShapedTable {
  readonly pgNamespace: string;
  readonly pgTable: string;
  readonly historyTable: string;
  /** Where a partitioned table keeps its ids; one that is not has none. */
  readonly idsTable: string;
  /** Namespaces that definitions do not name, so that tables of the same form in two of them compare equal. */
  readonly unnamed: readonly string[];
}

/**
 * What Postgres's catalogue says of these tables, in Postgres's own words: columns, constraints,
 * indexes, policies, triggers, rules, rights, and the same of each one's history with the functions
 * that write it. One query, under no lock but the shared one that printing a definition takes. The
 * answer has a list for each table, in the order they were given; an empty one: there is no table.
 */
export async function readTableShapes(
  tx: Transaction,
  tables: readonly ShapedTable[],
): Promise<ShapePart[][]> {
  const { rows } = await tx.query<ShapePart & { readonly place: number }>({
    name: 'store.table-shapes',
    text,
    values: [
      tables.map(({ pgNamespace }) => pgNamespace),
      tables.map(({ pgTable }) => pgTable),
      tables.map(({ historyTable }) => historyTable),
      tables.map(({ idsTable }) => idsTable),
    ],
  });
  const shapes: ShapePart[][] = tables.map(() => []);
  for (const { place, kind, name, definition } of rows) {
    const { unnamed = [] } = tables[place - 1] ?? {};
    const short = unnamed.reduce((said, one) => said.replaceAll(`${one}.`, ''), definition);
    shapes[place - 1]?.push({ kind, name, definition: short });
  }
  return shapes;
}

const roleName = `case a.grantee when 0 then 'public' else a.grantee::regrole::text end`;
const privileges = `string_agg(a.privilege_type || case when a.is_grantable then '*' else '' end, ',' order by a.privilege_type)`;

/** Columns named in a key, in its order. */
const columnsOf = (key: string, relation: string): string =>
  `(select string_agg(quote_ident(f.attname), ', ' order by u.n) from unnest(${key}) with ordinality as u (num, n)
      join pg_attribute f on f.attrelid = ${relation} and f.attnum = u.num)`;

/** Only what is written out: actions of a foreign key that are not NO ACTION. */
const foreignKey = `
  format('foreign key (%s) references %s.%s (%s)%s%s%s%s', ${columnsOf('k.conkey', 'k.conrelid')}, fn.nspname, fc.relname,
         ${columnsOf('k.confkey', 'k.confrelid')}, case when k.confupdtype = 'a' then '' else ' on update ' || k.confupdtype::text end,
         case when k.confdeltype = 'a' then '' else ' on delete ' || k.confdeltype::text end,
         case when k.condeferrable then ' deferrable' else '' end,
         case when exists (select from pg_trigger g where g.tgconstraint = k.oid and g.tgenabled <> 'O')
                or not exists (select from pg_trigger g where g.tgconstraint = k.oid)
              then ' (its triggers are disabled)' else '' end)`;

const text = `
  with wanted as materialized (
    select w.n as place, w.pg_namespace, w.pg_table, w.history, t.oid as record_oid, h.oid as history_oid, k.oid as ids_oid, w.ids, ns.oid as namespace_oid
      from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality as w (pg_namespace, pg_table, history, ids, n)
      join pg_namespace ns on ns.nspname = w.pg_namespace
      join pg_class t on t.relnamespace = ns.oid and t.relname = w.pg_table and t.relkind in ('r', 'p')
      left join pg_class h on h.relnamespace = ns.oid and h.relname = w.history and h.relkind in ('r', 'p')
      left join pg_class k on k.relnamespace = ns.oid and k.relname = w.ids and k.relkind = 'r'
  ), relation as materialized (
    select place, '' as prefix, record_oid as rel from wanted
    union all
    select place, 'history ', history_oid from wanted where history_oid is not null
    union all
    select place, 'ids ', ids_oid from wanted where ids_oid is not null
  ), part as (
    select r.place, r.prefix || 'table' as kind, '' as name,
           format('owner %s, row security %s, forced %s, persistence %s%s', c.relowner::regrole, c.relrowsecurity, c.relforcerowsecurity,
                  c.relpersistence, coalesce(', partitioned by ' || pg_get_partkeydef(c.oid), '')) as definition
      from relation r join pg_class c on c.oid = r.rel
    union all
    select r.place, r.prefix || 'right', ${roleName}, ${privileges}
      from relation r join pg_class c on c.oid = r.rel
     cross join lateral aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) as a
     where a.grantee <> c.relowner group by r.place, r.prefix, a.grantee
    union all
    select r.place, r.prefix || 'right', format('%s on %s', ${roleName}, f.attname), ${privileges}
      from relation r join pg_attribute f on f.attrelid = r.rel and f.attacl is not null
     cross join lateral aclexplode(f.attacl) as a group by r.place, r.prefix, a.grantee, f.attname
    union all
    select r.place, r.prefix || 'column', f.attname,
           format('%s%s%s%s%s', format_type(f.atttypid, f.atttypmod),
                  case when f.attcollation <> t.typcollation then ' collate ' || f.attcollation::regcollation else '' end,
                  case when f.attgenerated <> '' or f.attidentity <> '' then ' generated' else '' end,
                  case when f.attnotnull then ' not null' else '' end,
                  coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''))
      from relation r join pg_attribute f on f.attrelid = r.rel and f.attnum > 0 and not f.attisdropped
      join pg_type t on t.oid = f.atttypid
      left join pg_attrdef d on d.adrelid = r.rel and d.adnum = f.attnum
    union all
    -- NOT NULL is said with the column; PostgreSQL 18 also keeps it as a constraint.
    select r.place, r.prefix || 'constraint', k.conname,
           case when k.contype = 'f' then ${foreignKey} || case when k.convalidated then '' else ' NOT VALID' end
                else pg_get_constraintdef(k.oid) end
      from relation r join pg_constraint k on k.conrelid = r.rel and k.contype in ('c', 'f', 'p', 'u', 'x')
      left join pg_class fc on fc.oid = k.confrelid left join pg_namespace fn on fn.oid = fc.relnamespace
    union all
    select r.place, r.prefix || 'index', i.relname,
           pg_get_indexdef(x.indexrelid) || case when x.indisvalid and x.indisready then '' else ' (invalid)' end
      from relation r join pg_index x on x.indrelid = r.rel join pg_class i on i.oid = x.indexrelid
     where not exists (select from pg_constraint k where k.conindid = x.indexrelid and k.contype in ('p', 'u', 'x'))
    union all
    select r.place, r.prefix || 'policy', p.polname,
           format('%s for %s to %s using (%s) with check (%s)', case when p.polpermissive then 'permissive' else 'restrictive' end, p.polcmd,
                  (select string_agg(case o when 0 then 'public' else o::regrole::text end, ', ' order by o::regrole::text) from unnest(p.polroles) as o),
                  pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
      from relation r join pg_policy p on p.polrelid = r.rel
    union all
    select r.place, r.prefix || 'trigger', g.tgname,
           pg_get_triggerdef(g.oid) || case g.tgenabled when 'O' then '' when 'D' then ' (disabled)' else ' (fires ' || g.tgenabled::text || ')' end
      from relation r join pg_trigger g on g.tgrelid = r.rel and not g.tgisinternal
    union all
    -- A partition's own copy of a trigger can be disabled by itself.
    select r.place, r.prefix || 'trigger', format('%s of %s', g.tgname, p.relname), '(disabled)'
      from relation r join pg_inherits i on i.inhparent = r.rel join pg_class p on p.oid = i.inhrelid
      join pg_trigger g on g.tgrelid = p.oid and g.tgenabled <> 'O'
    union all
    select r.place, r.prefix || 'rule', w.rulename, pg_get_ruledef(w.oid)
      from relation r join pg_rewrite w on w.ev_class = r.rel
    union all
    select w.place, 'ids function', p.proname,
           format('%s, owner %s, definer %s, %s, digest %s', p.prokind, p.proowner::regrole, p.prosecdef, coalesce(array_to_string(p.proconfig, ' '), '-'),
                  left(encode(sha256(convert_to(replace(p.prosrc, w.pg_namespace, ''), 'UTF8')), 'hex'), 16))
      from wanted w join pg_proc p on p.pronamespace = w.namespace_oid and p.proname = w.ids
    union all
    select w.place, 'history function', p.proname,
           format('%s, owner %s, definer %s, %s, %s', p.prokind, p.proowner::regrole, p.prosecdef, coalesce(array_to_string(p.proconfig, ' '), '-'),
                  case when m.function_digests ->> p.proname = encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex')
                         or m.function_digests is null or m.generator_digest is distinct from made.digest
                       then 'as it was made' else 'another body' end)
      from wanted w join pg_proc p on p.pronamespace = w.namespace_oid
       and p.proname in (platform.suffixed_name(w.history, '_create'), platform.suffixed_name(w.history, '_update'), platform.suffixed_name(w.history, '_purge'))
      cross join (select platform.generator_digest() as digest offset 0) as made
      left join platform.history_tables m on m.pg_namespace = w.pg_namespace and m.pg_table = w.pg_table
  )
  select place::integer, kind, name::text, regexp_replace(definition, '\\s+', ' ', 'g') as definition
    from part order by place, kind collate "C", name collate "C"`;
