-- runs as: superuser
-- History: for each record table an append-only table of the state after each change, written by
-- statement-level triggers with transition tables, so that one row and ten thousand take one path
-- and neither psql, a cascade nor a backfill can go round it. Everything here belongs to
-- velocity_audit; velocity_operator may only call sync_history and drop_history.

create table if not exists platform.history_tables (
  pg_namespace text not null,
  pg_table     text not null,   -- the record table
  history      text not null,   -- in the same namespace
  organisation text not null,
  path         text not null,
  primary key (pg_namespace, pg_table),
  unique (pg_namespace, history)
);
alter table platform.history_tables owner to velocity_audit;
grant select on platform.history_tables to velocity_operator, velocity_api;

-- Ids whose rows are gone for good: they never come back as version 1 of something else.
create table if not exists platform.purged_records (
  pg_namespace text not null,
  pg_table     text not null,
  id           uuid not null,
  primary key (pg_namespace, pg_table, id)
);
alter table platform.purged_records owner to velocity_audit;

-- Whoever updates without raising the version (psql, a cascade) has it raised here. The WHEN clause
-- of the trigger spares the API's own statements, which raise it themselves, this call.
create or replace function platform.raise_version() returns trigger
  language plpgsql
as $$
begin
  if new.id is distinct from old.id then
    raise exception 'the id of a record never changes' using errcode = 'VE021';
  end if;
  new.version    := old.version + 1;
  new.updated_at := greatest(platform.occurred_at(), old.updated_at + interval '1 microsecond');
  new.updated_by := platform.actor();
  new.created_at := old.created_at;
  new.created_by := old.created_by;
  return new;
end
$$;

-- The same for whoever inserts a record that claims a past.
create or replace function platform.first_version() returns trigger
  language plpgsql
as $$
begin
  new.version    := 1;
  new.created_at := platform.occurred_at();
  new.created_by := platform.actor();
  new.updated_at := new.created_at;
  new.updated_by := new.created_by;
  return new;
end
$$;

create or replace function platform.refuse_truncate() returns trigger
  language plpgsql
as $$
begin
  raise exception 'records are deleted, never truncated: history would not see it' using errcode = 'insufficient_privilege';
end
$$;

-- Creates the history table of a record table, or brings it and its trigger functions up to the
-- record table's columns. Columns come from the catalogue, so no caller passes SQL in. `p_audit`
-- false leaves the audit entries out (audit.enabled: false) and nothing else.
create or replace function platform.sync_history(
  p_namespace text, p_table text, p_history text, p_organisation text, p_path text, p_revision integer, p_audit boolean
) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_system  constant text[] := '{id,version,created_at,created_by,updated_at,updated_by,deleted_at,archived_at,archive_ref}';
  v_table   regclass := format('%I.%I', p_namespace, p_table)::regclass;
  v_column  record;
  v_names   text;      -- every column, quoted
  v_state   text;      -- jsonb of the user's columns, of the row called %s
  v_same    text;      -- names of the user's columns that did not change
  v_head    text;
  v_entries text;
begin
  if exists (select from pg_class where oid = v_table and relowner <> 'velocity_operator'::regrole) then
    raise exception '%.% is not a record table', p_namespace, p_table using errcode = 'insufficient_privilege';
  end if;

  -- A type of somebody's own brings code along (a check, a cast), which would run as velocity_audit.
  for v_column in
    select a.attname, format_type(a.atttypid, a.atttypmod) as type
      from pg_attribute a join pg_type t on t.oid = a.atttypid
     where a.attrelid = v_table and a.attnum > 0 and not a.attisdropped
       and t.typnamespace <> 'pg_catalog'::regnamespace
  loop
    raise exception 'column % has the type %: history keeps built-in types only', v_column.attname, v_column.type
      using errcode = 'insufficient_privilege';
  end loop;

  if to_regclass(format('%I.%I', p_namespace, p_history)) is null then
    execute format(
      'create table %1$I.%2$I (
         _occurred_at timestamptz not null, _operation text not null, _actor text not null, _actor_type text not null,
         _request_id text, _revision integer not null, _xid xid8 not null default pg_current_xact_id(), _audit_id bigint,
         id uuid not null
       ) partition by range (_occurred_at)', p_namespace, p_history);
    execute format('create table %I.%I partition of %I.%I default',
                   p_namespace, platform.suffixed_name(p_history, '_default'), p_namespace, p_history);
    execute format('create unique index %I on %I.%I (id, _occurred_at desc)',
                   platform.suffixed_name(p_history, '_id'), p_namespace, p_history);
    execute format('grant select on %I.%I to velocity_operator', p_namespace, p_history);
  elsif not exists (select from pg_class c where c.oid = format('%I.%I', p_namespace, p_history)::regclass
                       and c.relowner = 'velocity_audit'::regrole) then
    raise exception '%.% exists and is not a history table', p_namespace, p_history using errcode = 'insufficient_privilege';
  end if;
  perform platform.ensure_month_partitions(p_namespace, p_history, '_occurred_at', 2);

  -- No NOT NULL and no default is copied: history holds what was, under every revision.
  for v_column in
    select a.attname, format_type(a.atttypid, a.atttypmod) as type
      from pg_attribute a
     where a.attrelid = v_table and a.attnum > 0 and not a.attisdropped
       and not exists (select from pg_attribute h
                        where h.attrelid = format('%I.%I', p_namespace, p_history)::regclass
                          and h.attname = a.attname and not h.attisdropped)
     order by a.attnum
  loop
    execute format('alter table %I.%I add column %I %s', p_namespace, p_history, v_column.attname, v_column.type);
  end loop;

  select string_agg(quote_ident(attname), ', ' order by attnum)
    into v_names
    from pg_attribute where attrelid = v_table and attnum > 0 and not attisdropped;

  -- jsonb_build_object takes at most 100 arguments, hence the groups of 48 columns.
  select coalesce(string_agg(part, ' || '), '''{}''::jsonb') into v_state from (
    select 'jsonb_build_object(' || string_agg(format('%L, %%1$s.%I', attname, attname), ', ' order by attnum) || ')' as part
      from (select attname, attnum, (row_number() over (order by attnum) - 1) / 48 as g
              from pg_attribute
             where attrelid = v_table and attnum > 0 and not attisdropped and attname <> all (v_system)) as c
     group by g order by g) as parts;

  -- Types without an equality of their own are compared as text.
  select coalesce(string_agg(format(
           case when atttypid in ('point'::regtype, 'json'::regtype)
                then 'case when o.%1$I::text is not distinct from n.%1$I::text then %2$L end'
                else 'case when o.%1$I is not distinct from n.%1$I then %2$L end' end, attname, attname), ', ' order by attnum), 'null')
    into v_same
    from pg_attribute
   where attrelid = v_table and attnum > 0 and not attisdropped and attname <> all (v_system);

  -- nextval is taken whether or not the table is audited, so that _audit_id always orders history.
  v_head := format(
    'insert into %I.%I (%s, _occurred_at, _operation, _actor, _actor_type, _request_id, _revision, _audit_id)
     select %s, _at, _operation, v_actor, v_actor_type, v_request_id, %s, _audit_id from changed',
    p_namespace, p_history, v_names, v_names, p_revision);
  v_entries := case when p_audit then format(
    'platform.audit_insert(%L, %L, array_agg(_audit_id), array_agg(_at), array_agg(id), array_agg(version),
       array_agg(_operation), array_agg(_previous_id), array_agg(_payload))', p_organisation, p_path)
    else 'count(*)' end;

  execute format($f$
    create or replace function %1$I.%2$I() returns trigger
      language plpgsql security definer set search_path = pg_catalog, pg_temp
    as $body$
    declare
      v_actor      text := platform.actor();
      v_actor_type text := coalesce(platform.setting('actor_type'), 'database');
      v_request_id text := platform.setting('request_id');
      v_done       text;
    begin
      -- On another table this function would forge the history of its own.
      if tg_table_schema <> %5$L or tg_table_name <> %6$L then
        raise exception 'this is the history of another table' using errcode = 'insufficient_privilege';
      end if;
      with changed as (
        select %3$s, n.updated_at as _at, 'create' as _operation, null::bigint as _previous_id,
               coalesce((select platform.refuse('VE020', 'id', 0::bigint)
                           from platform.purged_records g
                          where g.pg_namespace = %5$L and g.pg_table = %6$L and g.id = n.id),
                        nextval('platform.audit_log_id')) as _audit_id,
               jsonb_build_object('new', %7$s) as _payload
          from new_rows n
      ), written as (%4$s)
      select %8$s into v_done from changed;
      return null;
    end
    $body$ $f$,
    p_namespace, platform.suffixed_name(p_history, '_create'), v_names, v_head, p_namespace, p_table, format(v_state, 'n'), v_entries);

  -- Old and new rows are joined with nested loops off: the plan is cached from whichever call came
  -- first, and one made for a single row would compare 10,000 rows with 10,000. The look-up of the
  -- previous entry is a sub-select and so stays an index probe of one partition.
  execute format($f$
    create or replace function %1$I.%2$I() returns trigger
      language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_nestloop = off
    as $body$
    declare
      v_actor      text := platform.actor();
      v_actor_type text := coalesce(platform.setting('actor_type'), 'database');
      v_request_id text := platform.setting('request_id');
      v_done       text;
    begin
      -- On another table this function would forge the history of its own.
      if tg_table_schema <> %10$L or tg_table_name <> %11$L then
        raise exception 'this is the history of another table' using errcode = 'insufficient_privilege';
      end if;
      with changed as (
        select %3$s, n.updated_at as _at,
               case when o.deleted_at is null and n.deleted_at is not null then 'delete'
                    when o.deleted_at is not null and n.deleted_at is null then 'restore'
                    else 'update' end as _operation,
               (select h._audit_id from %5$s h where h.id = o.id and h._occurred_at = o.updated_at) as _previous_id,
               nextval('platform.audit_log_id') as _audit_id,
               jsonb_build_object('old', (%6$s) - s.same, 'new', (%7$s) - s.same) as _payload
          from old_rows o
          join new_rows n on n.id = o.id
         cross join lateral (select array_remove(array[%8$s]::text[], null) as same offset 0) as s
      ), written as (%4$s)
      select %9$s into v_done from changed;
      return null;
    end
    $body$ $f$,
    p_namespace, platform.suffixed_name(p_history, '_update'),
    (select string_agg('n.' || quote_ident(attname), ', ' order by attnum)
       from pg_attribute where attrelid = v_table and attnum > 0 and not attisdropped),
    v_head, format('%I.%I', p_namespace, p_history), format(v_state, 'o'), format(v_state, 'n'), v_same, v_entries,
    p_namespace, p_table);

  -- A row really deleted (psql, a purge): the last state, one version on, as a purge.
  execute format($f$
    create or replace function %1$I.%2$I() returns trigger
      language plpgsql security definer set search_path = pg_catalog, pg_temp
    as $body$
    declare
      v_actor      text := platform.actor();
      v_actor_type text := coalesce(platform.setting('actor_type'), 'database');
      v_request_id text := platform.setting('request_id');
      v_done       text;
    begin
      -- On another table this function would forge the history of its own.
      if tg_table_schema <> %5$L or tg_table_name <> %6$L then
        raise exception 'this is the history of another table' using errcode = 'insufficient_privilege';
      end if;
      insert into platform.purged_records (pg_namespace, pg_table, id) select %5$L, %6$L, o.id from old_rows o;
      with changed as (
        select %3$s,
               greatest(platform.occurred_at(), o.updated_at + interval '1 microsecond') as _at, 'purge' as _operation,
               (select h._audit_id from %7$s h where h.id = o.id and h._occurred_at = o.updated_at) as _previous_id,
               nextval('platform.audit_log_id') as _audit_id,
               jsonb_build_object('old', %8$s) as _payload
          from old_rows o
      ), written as (%4$s)
      select %9$s into v_done from changed;
      return null;
    end
    $body$ $f$,
    p_namespace, platform.suffixed_name(p_history, '_purge'),
    (select string_agg(case attname when 'version' then 'o.version + 1 as version' else 'o.' || quote_ident(attname) end, ', ' order by attnum)
       from pg_attribute where attrelid = v_table and attnum > 0 and not attisdropped),
    v_head, p_namespace, p_table, format('%I.%I', p_namespace, p_history), format(v_state, 'o'), v_entries);

  execute format('revoke execute on function %1$I.%2$I(), %1$I.%3$I(), %1$I.%4$I() from public', p_namespace,
    platform.suffixed_name(p_history, '_create'), platform.suffixed_name(p_history, '_update'), platform.suffixed_name(p_history, '_purge'));
  execute format('grant execute on function %1$I.%2$I(), %1$I.%3$I(), %1$I.%4$I() to velocity_operator', p_namespace,
    platform.suffixed_name(p_history, '_create'), platform.suffixed_name(p_history, '_update'), platform.suffixed_name(p_history, '_purge'));

  insert into platform.history_tables (pg_namespace, pg_table, history, organisation, path)
  values (p_namespace, p_table, p_history, p_organisation, p_path)
  on conflict (pg_namespace, pg_table) do update set path = excluded.path;
end
$$;
alter function platform.sync_history(text, text, text, text, text, integer, boolean) owner to velocity_audit;
revoke execute on function platform.sync_history(text, text, text, text, text, integer, boolean) from public;
grant execute on function platform.sync_history(text, text, text, text, text, integer, boolean) to velocity_operator;

-- Drops the history of a record table that no longer exists, and says so in the audit. Idempotent.
create or replace function platform.drop_history(p_namespace text, p_table text) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_history      text;
  v_organisation text;
  v_path         text;
begin
  if to_regclass(format('%I.%I', p_namespace, p_table)) is not null then
    raise exception '%.% still exists: its history stays', p_namespace, p_table using errcode = 'object_in_use';
  end if;
  select history, organisation, path into v_history, v_organisation, v_path
    from platform.history_tables where pg_namespace = p_namespace and pg_table = p_table;
  if not found then
    return;
  end if;
  execute format('drop table if exists %I.%I', p_namespace, v_history);
  execute format('drop function if exists %I.%I()', p_namespace, platform.suffixed_name(v_history, '_create'));
  execute format('drop function if exists %I.%I()', p_namespace, platform.suffixed_name(v_history, '_update'));
  execute format('drop function if exists %I.%I()', p_namespace, platform.suffixed_name(v_history, '_purge'));
  perform platform.audit_insert(v_organisation, v_path, array[nextval('platform.audit_log_id')], array[clock_timestamp()],
    array[null::uuid], array[null::bigint], array['drop-history'], array[null::bigint], array[null::jsonb]);
  delete from platform.purged_records where pg_namespace = p_namespace and pg_table = p_table;
  delete from platform.history_tables where pg_namespace = p_namespace and pg_table = p_table;
end
$$;
alter function platform.drop_history(text, text) owner to velocity_audit;
revoke execute on function platform.drop_history(text, text) from public;
grant execute on function platform.drop_history(text, text) to velocity_operator;

-- The owner of a namespace may drop any object in it, whoever owns that, and may rename it or give it
-- away. History is the exception: only drop_history, which runs as velocity_audit, gets past these.
create or replace function platform.is_trusted() returns boolean
  language sql stable
  return current_user = 'velocity_audit'
      or (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = current_user);

create or replace function platform.guard_dropped() returns event_trigger
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  v_dropped record;
begin
  if platform.is_trusted() then
    return;
  end if;
  for v_dropped in
    select d.object_identity
      from pg_event_trigger_dropped_objects() as d
      join platform.history_tables h on h.pg_namespace = d.schema_name
     where (d.object_type = 'table'
            and (d.object_name in (h.history, platform.suffixed_name(h.history, '_default'))
                 or (d.object_name ~ '_[0-9]{6}$' and d.object_name = platform.suffixed_name(h.history, right(d.object_name, 7)))))
        or (d.object_type = 'index' and d.object_name = platform.suffixed_name(h.history, '_id'))
        or (d.object_type = 'function'
            and split_part(d.address_names[2], '(', 1) in (platform.suffixed_name(h.history, '_create'),
                platform.suffixed_name(h.history, '_update'), platform.suffixed_name(h.history, '_purge')))
  loop
    raise exception 'history is dropped by platform.drop_history only (%)', v_dropped.object_identity
      using errcode = 'insufficient_privilege';
  end loop;
end
$$;

-- Two ways round the rules above: a namespace under another name or owner, and a function in
-- platform that overloads one of ours, which functions that run as velocity_audit would then call.
create or replace function platform.guard_changed() returns event_trigger
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  v_command record;
begin
  if platform.is_trusted() then
    return;
  end if;
  for v_command in select * from pg_event_trigger_ddl_commands() loop
    if v_command.classid = 'pg_namespace'::regclass
       and exists (select from pg_class c where c.relnamespace = v_command.objid and c.relowner = 'velocity_audit'::regrole) then
      raise exception 'the namespace % holds history: it keeps its name and its owner', v_command.object_identity
        using errcode = 'insufficient_privilege';
    end if;
    if v_command.classid = 'pg_proc'::regclass
       and exists (select from pg_proc mine join pg_proc other on other.pronamespace = mine.pronamespace and other.proname = mine.proname
                    where mine.oid = v_command.objid and mine.pronamespace = 'platform'::regnamespace
                      and other.proowner <> mine.proowner) then
      raise exception '% would overload a function of the platform', v_command.object_identity
        using errcode = 'insufficient_privilege';
    end if;
  end loop;
end
$$;
drop event trigger if exists velocity_guard_dropped;
create event trigger velocity_guard_dropped on sql_drop execute function platform.guard_dropped();
drop event trigger if exists velocity_guard_changed;
create event trigger velocity_guard_changed on ddl_command_end
  when tag in ('ALTER SCHEMA', 'CREATE FUNCTION', 'ALTER FUNCTION', 'CREATE PROCEDURE', 'ALTER PROCEDURE',
               'ALTER ROUTINE', 'CREATE AGGREGATE', 'ALTER AGGREGATE')
  execute function platform.guard_changed();
