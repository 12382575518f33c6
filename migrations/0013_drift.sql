-- runs as: superuser
-- Drift: what the catalogue has other than the active revision says; freezing by hand; monthly
-- partitions made ahead of time by a schedule.

-- What sync_history made, as it was when it made it. A function of the history that differs from it
-- has been changed by hand; one made by an earlier release is only older.
alter table platform.history_tables add column if not exists function_digests jsonb;
alter table platform.history_tables add column if not exists generator_digest text;

create or replace function platform.history_digests(p_namespace text, p_history text) returns jsonb
  language sql stable set search_path = pg_catalog, pg_temp
  return (select jsonb_object_agg(p.proname, encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex'))
            from pg_proc p join pg_namespace n on n.oid = p.pronamespace
           where n.nspname = p_namespace
             and p.proname in (platform.suffixed_name(p_history, '_create'), platform.suffixed_name(p_history, '_update'),
                               platform.suffixed_name(p_history, '_purge')));
alter function platform.history_digests(text, text) owner to velocity_audit;

create or replace function platform.generator_digest() returns text
  language sql stable set search_path = pg_catalog, pg_temp
  return (select encode(sha256(convert_to(string_agg(p.prosrc, '' order by p.oid), 'UTF8')), 'hex')
            from pg_proc p where p.pronamespace = 'platform'::regnamespace and p.proname = 'sync_history');
alter function platform.generator_digest() owner to velocity_audit;

-- Called right after sync_history, in its transaction.
create or replace function platform.note_history(p_namespace text, p_table text) returns void
  language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  update platform.history_tables h
     set function_digests = platform.history_digests(h.pg_namespace, h.history), generator_digest = platform.generator_digest()
   where h.pg_namespace = p_namespace and h.pg_table = p_table
     and (h.function_digests, h.generator_digest) is distinct from
         (platform.history_digests(h.pg_namespace, h.history), platform.generator_digest())
$$;
alter function platform.note_history(text, text) owner to velocity_audit;
revoke execute on function platform.note_history(text, text) from public;
grant execute on function platform.note_history(text, text) to velocity_operator;

-- As before, but a month is made beside its table and attached, which waits for no reader and lets
-- every writer pass; PARTITION OF would have locked the table for everyone.
create or replace function platform.ensure_month_partitions(
  p_namespace text, p_table text, p_column text, p_months integer
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_from    timestamptz;
  v_to      timestamptz;
  v_name    text;
  v_strays  boolean;
begin
  for v_month in 0 .. p_months loop
    v_from := (date_trunc('month', now() at time zone 'UTC') + make_interval(months => v_month)) at time zone 'UTC';
    v_to   := (date_trunc('month', now() at time zone 'UTC') + make_interval(months => v_month + 1)) at time zone 'UTC';
    v_name := platform.suffixed_name(p_table, to_char(v_from at time zone 'UTC', '_YYYYMM'));
    continue when to_regclass(format('%I.%I', p_namespace, v_name)) is not null;
    -- A month whose rows already fell into the default partition stays there.
    execute format('select exists (select from %I.%I where %I >= $1 and %I < $2)',
                   p_namespace, platform.suffixed_name(p_table, '_default'), p_column, p_column)
       into v_strays using v_from, v_to;
    continue when v_strays;
    execute format('create table %I.%I (like %I.%I including defaults)', p_namespace, v_name, p_namespace, p_table);
    execute format('alter table %I.%I attach partition %I.%I for values from (%L) to (%L)',
                   p_namespace, p_table, p_namespace, v_name, v_from, v_to);
  end loop;
end
$$;
alter function platform.ensure_month_partitions(text, text, text, integer) owner to velocity_audit;
revoke execute on function platform.ensure_month_partitions(text, text, text, integer) from public;

-- Partitions of the history tables after `p_after`, at most `p_limit` tables, and of the audit log;
-- answers the last table looked at, null when there are no more.
create or replace function platform.maintain_partitions(p_after text, p_limit integer, p_months integer) returns text
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_table record;
  v_last  text;
  v_count integer := 0;
begin
  if p_after is null then
    perform platform.ensure_month_partitions('platform', 'audit_log', 'occurred_at', p_months);
  end if;
  for v_table in
    select h.pg_namespace, h.history, h.pg_namespace || '.' || h.pg_table as place
      from platform.history_tables h
     where p_after is null or h.pg_namespace || '.' || h.pg_table > p_after
     order by h.pg_namespace || '.' || h.pg_table
     limit p_limit
  loop
    perform platform.ensure_month_partitions(v_table.pg_namespace, v_table.history, '_occurred_at', p_months);
    v_last := v_table.place;
    v_count := v_count + 1;
  end loop;
  return case when v_count = p_limit then v_last end;
end
$$;
alter function platform.maintain_partitions(text, integer, integer) owner to velocity_audit;
revoke execute on function platform.maintain_partitions(text, integer, integer) from public;
grant execute on function platform.maintain_partitions(text, integer, integer) to velocity_operator;

set role velocity_operator;

-- The form that an active revision gives its table, as Postgres prints it: made once from the plan of
-- its creation, whose digest tells when it is to be made anew.
create table if not exists platform.schema_shapes (
  namespace  text  not null,
  name       text  not null,
  version    text  not null,
  made_by    text  not null,
  shape      jsonb not null,
  primary key (namespace, name, version)
);

-- What the last comparison of each active revision found; an empty list: nothing.
create table if not exists platform.schema_drift (
  namespace  text        not null,
  name       text        not null,
  version    text        not null,
  revision   integer     not null,
  items      jsonb       not null,
  since      timestamptz,          -- of what is there now; null: nothing is
  checked_at timestamptz not null default clock_timestamp(),
  primary key (namespace, name, version)
);
create index if not exists schema_drift_found on platform.schema_drift (namespace, name) where since is not null;
grant select on platform.schema_drift to velocity_api;

-- Repairs that somebody asked for and that are not done: at most one a schema. The worker plans it
-- and keeps the plan here, since the catalogue that it was made from changes with every step.
create table if not exists platform.schema_repairs (
  namespace    text        not null,
  name         text        not null,
  requested_by text        not null,
  reason       text,
  generation   bigint      not null,
  requested_at timestamptz not null default clock_timestamp(),
  plan_hash    text,
  class        text,
  steps        jsonb,
  primary key (namespace, name)
);
grant select, insert, delete on platform.schema_repairs to velocity_api;

-- Schemas that somebody froze by hand, whatever their manifest says.
create table if not exists platform.schema_freezes (
  namespace text        not null,
  name      text        not null,
  frozen_by text        not null,
  reason    text,
  frozen_at timestamptz not null default clock_timestamp(),
  primary key (namespace, name)
);
grant select on platform.schema_freezes to velocity_api;
create or replace trigger schema_freezes_notify after insert or update or delete on platform.schema_freezes
  for each statement execute function platform.notify_registry();

-- Freezes a schema, or lets it go; false when it was so already. The domain's role loses its right to
-- write in the same transaction: what a replica has not heard of yet fails in the database.
create or replace function platform.set_frozen(
  p_namespace text, p_name text, p_frozen boolean, p_actor text, p_reason text
) returns boolean
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_table record;
begin
  -- Not while a revision is being activated: its rights are those of this schema too.
  perform pg_advisory_xact_lock(hashtextextended('schema_revisions/' || p_namespace || '/' || p_name, 0));
  if p_frozen then
    insert into platform.schema_freezes (namespace, name, frozen_by, reason)
    values (p_namespace, p_name, p_actor, p_reason) on conflict do nothing;
  else
    delete from platform.schema_freezes f where f.namespace = p_namespace and f.name = p_name;
  end if;
  if not found then
    return false;
  end if;
  for v_table in
    select r.pg_namespace, r.pg_table, d.pg_role
      from platform.schema_revisions r join platform.domains d using (namespace)
     where r.namespace = p_namespace and r.name = p_name and r.state = 'active'
       and (p_frozen or r.spec #> '{lifecycle,frozen}' is distinct from 'true'::jsonb)
  loop
    if p_frozen then
      execute format('revoke insert, update on %I.%I from %I', v_table.pg_namespace, v_table.pg_table, v_table.pg_role);
    else
      execute format('grant insert, update on %I.%I to %I', v_table.pg_namespace, v_table.pg_table, v_table.pg_role);
    end if;
  end loop;
  perform set_config('velocity.actor', p_actor, true), set_config('velocity.reason', coalesce(p_reason, ''), true);
  perform platform.audit_event(d.organisation, null, null, case when p_frozen then 'freeze-schema' else 'unfreeze-schema' end,
            'ok', null, jsonb_build_object('schema', p_namespace || '/' || p_name))
     from platform.domains d where d.namespace = p_namespace;
  return true;
end
$$;
revoke execute on function platform.set_frozen(text, text, boolean, text, text) from public;
grant execute on function platform.set_frozen(text, text, boolean, text, text) to velocity_api;

-- As before, but records of a frozen schema are not changed through a reference either: the delete
-- is refused (VE013). Its domain's role may write to a table unless it is frozen.
create or replace function platform.propagate_delete() returns trigger
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_rows_max constant bigint := 10000;
  v_reference record;
  v_keys  text;
  v_count bigint;
  v_total bigint;
  v_found boolean;
begin
  if not exists (select from new_rows where deleted_at is not null) then
    return null;
  end if;
  for v_reference in
    select r.*, has_table_privilege(d.pg_role, format('%I.%I', r.source_namespace, r.source_table), 'update') as open
      from platform.schema_references r join platform.domains d on d.pg_namespace = r.source_namespace
     where r.target_namespace = tg_table_schema and r.target_table = tg_table_name
     order by r.source_namespace, r.source_table, r.source_column
  loop
    -- NOT IN is a hashed look-up; a join's plan might compare 10,000 rows with 10,000.
    v_keys := format('select n.%I from new_rows n where n.deleted_at is not null
                         and n.id not in (select o.id from old_rows o where o.deleted_at is not null)', v_reference.target_column);
    if v_reference.on_delete = 'restrict' then
      execute format('select exists (select from %I.%I r where r.deleted_at is null and r.%I in (%s))',
        v_reference.source_namespace, v_reference.source_table, v_reference.source_column, v_keys) into v_found;
      if v_found then
        raise exception 'a record refers to it through %.%', v_reference.source_table, v_reference.source_column
          using errcode = 'VE011', table = v_reference.source_table, column = v_reference.source_column;
      end if;
      continue;
    end if;
    -- Counted before anything is written, and no further than the bound.
    v_total := coalesce(nullif(current_setting('velocity.cascaded', true), '')::bigint, 0);
    execute format('select count(*) from (select from %I.%I r where r.deleted_at is null and r.%I in (%s) limit $1) as reached',
      v_reference.source_namespace, v_reference.source_table, v_reference.source_column, v_keys)
      into v_count using v_rows_max - v_total + 1;
    if v_total + v_count > v_rows_max then
      raise exception 'the delete would reach more than % other records', v_rows_max using errcode = 'VE012';
    end if;
    continue when v_count = 0;
    if not v_reference.open then
      raise exception 'a record refers to it through %.%, which is frozen', v_reference.source_table, v_reference.source_column
        using errcode = 'VE013', table = v_reference.source_table, column = v_reference.source_column;
    end if;
    perform set_config('velocity.cascaded', (v_total + v_count)::text, true);
    execute format('update %I.%I r set %s where r.deleted_at is null and r.%I in (%s)',
      v_reference.source_namespace, v_reference.source_table,
      case v_reference.on_delete when 'setNull' then format('%I = null', v_reference.source_column)
                                 else 'deleted_at = platform.occurred_at()' end,
      v_reference.source_column, v_keys);
  end loop;
  return null;
end
$$;
revoke execute on function platform.propagate_delete() from public;

reset role;
