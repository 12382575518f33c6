import type { Transaction } from './pool.ts';

/**
 * Everything of ours that Postgres's catalogue knows, one line a thing, sorted: roles, namespaces,
 * tables, columns, constraints, indexes, policies, triggers, functions and the rights on each. What
 * differs from database to database or from month to month (its name, partitions) is left out.
 */
export async function dumpCatalogue(tx: Transaction): Promise<string> {
  const { rows } = await tx.query<{ line: string }>({ text });
  return rows.map(({ line }) => `${line}\n`).join('');
}

/** Rights as `grantee=PRIVILEGE,…`, sorted: an ACL that is NULL means its default, which is written out. */
const rights = (acl: string, kind: string, owner: string): string => `
  (select coalesce(string_agg(g.line, ' ' order by g.line), '-')
     from (select format('%s=%s', case a.grantee when 0 then 'public' else a.grantee::regrole::text end,
                         string_agg(a.privilege_type || case when a.is_grantable then '*' else '' end, ',' order by a.privilege_type)) as line
             from aclexplode(coalesce(${acl}, acldefault('${kind}', ${owner}))) as a group by a.grantee) as g)`;

const text = `
  with our_namespace as (
    select n.* from pg_namespace n
     where n.nspname = 'platform' or n.nspname in (select pg_namespace from platform.domains)
  ), our_role as (
    select r.* from pg_roles r
     where r.rolname in ('velocity_api', 'velocity_operator', 'velocity_audit')
        or r.rolname in (select pg_role from platform.domains)
  ), relation as (
    -- Monthly partitions and their indexes come and go with the calendar.
    select c.*, n.nspname, c.oid::regclass::text as name
      from pg_class c join our_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'i', 'I', 'S', 'v')
       and not (c.relispartition and c.relname !~ '_default$' and c.relkind in ('r', 'p'))
       and not (c.relkind in ('i', 'I') and c.relispartition)
  ), line as (
    select format('role %s: login=%s inherit=%s superuser=%s bypassrls=%s createrole=%s createdb=%s replication=%s', rolname,
                  rolcanlogin, rolinherit, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication) as line
      from our_role
    union all
    select format('role %s: %s', r.rolname, s.setting)
      from our_role r join pg_db_role_setting d on d.setrole = r.oid and d.setdatabase = 0
     cross join lateral unnest(d.setconfig) as s (setting)
    union all
    select format('member %s of %s: admin=%s inherit=%s set=%s', m.rolname, r.rolname,
                  bool_or(a.admin_option), bool_or(a.inherit_option), bool_or(a.set_option))
      from pg_auth_members a join our_role m on m.oid = a.member join pg_roles r on r.oid = a.roleid
     where r.oid in (select oid from our_role) or r.rolname not like 'velocity%' group by m.rolname, r.rolname
    union all
    select format('database: %s', ${rights('d.datacl', 'd', 'd.datdba')}) from pg_database d where d.datname = current_database()
    union all
    select format('namespace %s: owner=%s %s', n.nspname, n.nspowner::regrole, ${rights('n.nspacl', 'n', 'n.nspowner')}) from our_namespace n
    union all
    select format('%s %s: owner=%s rls=%s force=%s persistence=%s %s%s%s',
                  case c.relkind when 'S' then 'sequence' when 'v' then 'view' else 'table' end, c.name, c.relowner::regrole,
                  c.relrowsecurity, c.relforcerowsecurity, c.relpersistence,
                  ${rights('c.relacl', 'r', 'c.relowner')},
                  coalesce(' partition by ' || pg_get_partkeydef(c.oid), ''),
                  coalesce(' partition ' || pg_get_expr(c.relpartbound, c.oid), ''))
      from relation c where c.relkind in ('r', 'p', 'S', 'v')
    union all
    select format('column %s.%I: %s%s%s', c.name, a.attname, format_type(a.atttypid, a.atttypmod),
                  case when a.attnotnull then ' not null' else '' end, coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''))
      from relation c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
     where c.relkind in ('r', 'p')
    union all
    -- NOT NULL is said with the column; PostgreSQL 18 also keeps it as a constraint.
    -- A partition's are called by its oid (platform.name_partition_parts).
    select format('constraint %s.%I: %s%s', c.name, regexp_replace(k.conname, '~[0-9]+$', '~'), pg_get_constraintdef(k.oid), case when k.convalidated then '' else ' (not valid)' end)
      from relation c join pg_constraint k on k.conrelid = c.oid and k.contype in ('c', 'f', 'p', 'u', 'x')
    union all
    select format('index %s%s', pg_get_indexdef(x.indexrelid), case when x.indisvalid then '' else ' (invalid)' end)
      from relation c join pg_index x on x.indexrelid = c.oid
    union all
    select format('policy %s.%I: %s for %s to %s using (%s) with check (%s)', c.name, p.polname,
                  case when p.polpermissive then 'permissive' else 'restrictive' end, p.polcmd,
                  (select string_agg(case r when 0 then 'public' else r::regrole::text end, ',' order by r) from unnest(p.polroles) as r),
                  pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
      from relation c join pg_policy p on p.polrelid = c.oid
    union all
    select format('trigger %s.%I: %s%s', c.name, t.tgname, pg_get_triggerdef(t.oid), case t.tgenabled when 'O' then '' else ' (' || t.tgenabled::text || ')' end)
      from relation c join pg_trigger t on t.tgrelid = c.oid and not t.tgisinternal
    union all
    select format('event trigger %s: %s %s enabled=%s owner=%s', e.evtname, e.evtevent, e.evtfoid::regproc, e.evtenabled, e.evtowner::regrole)
      from pg_event_trigger e where e.evtname like 'velocity%'
    union all
    -- Its text is in the migrations; a digest tells that it changed.
    select format('function %s(%s) returns %s: owner=%s %s definer=%s volatile=%s digest=%s %s', p.oid::regproc, pg_get_function_identity_arguments(p.oid),
                  pg_get_function_result(p.oid), p.proowner::regrole, coalesce(array_to_string(p.proconfig, ' '), '-'), p.prosecdef, p.provolatile,
                  left(encode(sha256(convert_to(pg_get_functiondef(p.oid), 'UTF8')), 'hex'), 16), ${rights('p.proacl', 'f', 'p.proowner')})
      from pg_proc p join our_namespace n on n.oid = p.pronamespace where p.prokind in ('f', 'p')
  )
  select flat.line from line cross join lateral (select regexp_replace(line.line, '\\s+', ' ', 'g') as line) as flat
   order by flat.line collate "C"`;
