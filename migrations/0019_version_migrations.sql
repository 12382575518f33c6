-- runs as: velocity_operator
-- Records move from one version of a schema to the next while both serve: what was asked for, how far
-- it is, the outbox that keeps them in step, and requests for workflows that wait for Temporal.

create table if not exists platform.version_migrations (
  id           uuid        not null primary key default platform.new_id(),
  namespace    text        not null,
  name         text        not null,
  from_version text        not null,
  to_version   text        not null,
  state        text        not null default 'requested'
               check (state in ('requested', 'copying', 'inStep', 'undoing', 'done', 'failed', 'cancelled')),
  hold         boolean     not null default false,   -- stay in step until somebody says go on
  sunset       text,                                 -- a duration from the cut-over on
  copied_up_to uuid,                                 -- ids up to here have been copied
  copied       bigint      not null default 0,
  followed     bigint      not null default 0,       -- changes taken over since
  records      bigint      not null default 0,       -- as Postgres estimates them
  message      text,
  requested_by text        not null,
  requested_at timestamptz not null default clock_timestamp(),
  changed_at   timestamptz not null default clock_timestamp()
);
create unique index if not exists version_migrations_open
  on platform.version_migrations (namespace, name) where state in ('requested', 'copying', 'inStep', 'undoing');
create index if not exists version_migrations_latest on platform.version_migrations (namespace, name, requested_at desc);
grant select, insert on platform.version_migrations to velocity_api;
grant update (hold, changed_at) on platform.version_migrations to velocity_api;

-- A request that starts a workflow is kept in the caller's own transaction; a worker hands it to
-- Temporal, which may be away.
create table if not exists platform.workflow_requests (
  id           bigint      generated always as identity primary key,
  workflow     text        not null,
  kind         text        not null,
  namespace    text        not null,
  name         text        not null,
  requested_by text        not null,
  requested_at timestamptz not null default clock_timestamp(),
  started_at   timestamptz
);
create index if not exists workflow_requests_waiting on platform.workflow_requests (id) where started_at is null;
create index if not exists workflow_requests_started on platform.workflow_requests (started_at) where started_at is not null;
grant insert on platform.workflow_requests to velocity_api;

create or replace function platform.notify_workflow_request() returns trigger language plpgsql as $$
begin
  perform pg_notify('velocity_workflow_requests', '');
  return null;
end
$$;
create or replace trigger workflow_requests_notify after insert on platform.workflow_requests
  for each statement execute function platform.notify_workflow_request();

-- How far each consumer of an outbox has come: everything up to and including (xid, id).
create table if not exists platform.outbox_positions (
  pg_namespace text   not null,
  pg_table     text   not null,   -- the record table
  consumer     text   not null,
  xid          xid8   not null default '0',
  id           bigint not null default 0,
  primary key (pg_namespace, pg_table, consumer)
);

-- Fills the outbox named by the trigger's argument, in the writer's own transaction. What changed and
-- which version it then had is enough: the record table and its history hold the rest.
create or replace function platform.write_outbox() returns trigger
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'DELETE' then
    execute format('insert into %I.%I (record_id, version, operation) select id, version + 1, ''purge'' from old_rows',
                   tg_table_schema, tg_argv[0]);
  else
    execute format('insert into %I.%I (record_id, version, operation) select id, version, %L from new_rows',
                   tg_table_schema, tg_argv[0], lower(tg_op));
  end if;
  perform pg_notify('velocity_outbox', tg_table_schema || '.' || tg_table_name);
  return null;
end
$$;
revoke execute on function platform.write_outbox() from public;

-- A version that takes its records over, or has given them away, changes through its migration alone;
-- updates do not happen to it at all. The trigger's argument says what a caller reads in the log.
create or replace function platform.refuse_writes() returns trigger language plpgsql as $$
begin
  if platform.migration() is not null and tg_op <> 'UPDATE' then
    return null;
  end if;
  raise exception '%.% takes no writes: %', tg_table_schema, tg_table_name, tg_argv[0] using errcode = 'VE040';
end
$$;

-- As before, but for versions that take no writes: what they hold is no obstacle, and stays as it is.
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
    select * from platform.schema_references
     where target_namespace = tg_table_schema and target_table = tg_table_name
       and not exists (select from platform.schema_versions v
                        where v.pg_namespace = source_namespace and v.pg_table = source_table)
     order by source_namespace, source_table, source_column
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
