-- runs as: superuser
-- History follows a schema that changes. A backfill under `velocity.migration` writes no versions but
-- one audit entry a batch; a renamed field takes its past along; the past of a field that was dropped
-- or has another type now stays under a name of its own, and platform.history_columns says where.

-- The plan that a backfill works for. Only who may change the table itself is believed.
create or replace function platform.migration() returns text
  language sql stable
  return case when session_user = 'velocity_operator' then nullif(current_setting('velocity.migration', true), '') end;

-- As before, but a backfill changes neither version nor times nor authors, whatever it tries.
create or replace function platform.raise_version() returns trigger
  language plpgsql
as $$
begin
  if new.id is distinct from old.id then
    raise exception 'the id of a record never changes' using errcode = 'VE021';
  end if;
  if platform.migration() is not null then
    new.version    := old.version;
    new.updated_at := old.updated_at;
    new.updated_by := old.updated_by;
  else
    new.version    := old.version + 1;
    new.updated_at := greatest(platform.occurred_at(), old.updated_at + interval '1 microsecond');
    new.updated_by := platform.actor();
  end if;
  new.created_at := old.created_at;
  new.created_by := old.created_by;
  return new;
end
$$;

-- One entry for a batch: the plan, how many records and the digest of all their new states. The
-- caller counts the rows whose version, times, authors and deletion are as they were: all must be.
create or replace function platform.audit_backfill(
  p_organisation text, p_path text, p_audit boolean, p_records bigint, p_untouched bigint, p_digest text
) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if p_records <> p_untouched then
    raise exception 'a migration changes neither versions nor times nor deletions' using errcode = 'insufficient_privilege';
  end if;
  if p_audit and p_records > 0 then
    perform platform.audit_insert(p_organisation, p_path, array[nextval('platform.audit_log_id')], array[clock_timestamp()],
      array[null::uuid], array[null::bigint], array['backfill'], array[null::bigint],
      array[jsonb_build_object('plan', platform.migration(), 'records', p_records, 'digest', p_digest)]);
  end if;
end
$$;
alter function platform.audit_backfill(text, text, boolean, bigint, bigint, text) owner to velocity_audit;
revoke execute on function platform.audit_backfill(text, text, boolean, bigint, bigint, text) from public;

-- Where the past of a field lies when it is not in the column of its own name: up to and including
-- the revision `until_revision`, the values of `field` are in the column `history_column`.
create table if not exists platform.history_columns (
  pg_namespace   text    not null,
  pg_table       text    not null,
  field          text    not null,
  until_revision integer not null,
  history_column text    not null,
  primary key (pg_namespace, pg_table, field, until_revision),
  foreign key (pg_namespace, pg_table) references platform.history_tables on delete cascade
);
alter table platform.history_columns owner to velocity_audit;
grant select on platform.history_columns to velocity_operator, velocity_api;

-- Takes the past along: columns of renamed fields are renamed, columns of fields that are dropped or
-- get another type are put aside. Nothing is rewritten and nothing is lost. All lists mean the names
-- of now, so that two fields may exchange theirs. Every call is an entry in the audit.
create or replace function platform.reshape_history(
  p_namespace text, p_table text, p_from text[], p_to text[], p_aside text[], p_until_revision integer
) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_system  constant text[] := '{id,version,created_at,created_by,updated_at,updated_by,deleted_at,archived_at,archive_ref}';
  v_known   platform.history_tables;
  v_history regclass;
  v_name    text;
  v_aside   text;
begin
  select * into v_known from platform.history_tables where pg_namespace = p_namespace and pg_table = p_table;
  if not found then
    raise exception '%.% has no history', p_namespace, p_table using errcode = 'undefined_table';
  end if;
  v_history := format('%I.%I', p_namespace, v_known.history)::regclass;
  if not exists (select from pg_class where oid = v_history and relowner = 'velocity_audit'::regrole)
     or not exists (select from pg_class where oid = format('%I.%I', p_namespace, p_table)::regclass
                       and relowner = 'velocity_operator'::regrole) then
    raise exception '%.% is not the history of a record table', p_namespace, v_known.history using errcode = 'insufficient_privilege';
  end if;
  if cardinality(p_from) is distinct from cardinality(p_to) or p_aside is null or p_until_revision is null then
    raise exception 'each old name has one new name' using errcode = 'invalid_parameter_value';
  end if;
  foreach v_name in array p_from || p_to || p_aside loop
    if v_name is null or v_name !~ '^[a-z][a-z0-9_]*$' or v_name = any (v_system) then
      raise exception '% is not the name of a field', v_name using errcode = 'insufficient_privilege';
    end if;
  end loop;
  if (select count(*) <> count(distinct n) from unnest(p_from || p_aside) as n)
     or (select count(*) <> count(distinct n) from unnest(p_to) as n) then
    raise exception 'a column is named twice' using errcode = 'invalid_parameter_value';
  end if;
  -- A column that moves takes along the fields of earlier revisions that it holds.
  foreach v_name in array p_from || p_aside loop
    v_aside := platform.suffixed_name('_' || v_name, '_r' || p_until_revision);
    execute format('alter table %s rename column %I to %I', v_history, v_name, v_aside);
    update platform.history_columns c set history_column = v_aside
     where c.pg_namespace = p_namespace and c.pg_table = p_table and c.history_column = v_name;
    insert into platform.history_columns (pg_namespace, pg_table, field, until_revision, history_column)
    values (p_namespace, p_table, v_name, p_until_revision, v_aside);
  end loop;
  for v_place in 1 .. cardinality(p_from) loop
    v_aside := platform.suffixed_name('_' || p_from[v_place], '_r' || p_until_revision);
    execute format('alter table %s rename column %I to %I', v_history, v_aside, p_to[v_place]);
    update platform.history_columns c set history_column = p_to[v_place]
     where c.pg_namespace = p_namespace and c.pg_table = p_table and c.history_column = v_aside;
  end loop;
  perform platform.audit_insert(v_known.organisation, v_known.path, array[nextval('platform.audit_log_id')], array[clock_timestamp()],
    array[null::uuid], array[null::bigint], array['reshape-history'], array[null::bigint],
    array[jsonb_build_object('from', p_from, 'to', p_to, 'aside', p_aside, 'until', p_until_revision)]);
end
$$;
alter function platform.reshape_history(text, text, text[], text[], text[], integer) owner to velocity_audit;
revoke execute on function platform.reshape_history(text, text, text[], text[], text[], integer) from public;
grant execute on function platform.reshape_history(text, text, text[], text[], text[], integer) to velocity_operator;

-- As before, but for three things: columns that a change prepares (their names begin with `_`) are
-- no part of a record; a backfill leaves no versions; a column of another type is refused.
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
     where a.attrelid = v_table and a.attnum > 0 and not a.attisdropped and left(a.attname, 1) <> '_'
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
     where a.attrelid = v_table and a.attnum > 0 and not a.attisdropped and left(a.attname, 1) <> '_'
       and not exists (select from pg_attribute h
                        where h.attrelid = format('%I.%I', p_namespace, p_history)::regclass
                          and h.attname = a.attname and not h.attisdropped)
     order by a.attnum
  loop
    execute format('alter table %I.%I add column %I %s', p_namespace, p_history, v_column.attname, v_column.type);
  end loop;

  -- A column of another type keeps its past under a name of its own (platform.reshape_history).
  for v_column in
    select a.attname, format_type(a.atttypid, a.atttypmod) as type
      from pg_attribute a
      join pg_attribute h on h.attrelid = format('%I.%I', p_namespace, p_history)::regclass and h.attname = a.attname
     where a.attrelid = v_table and a.attnum > 0 and not a.attisdropped and not h.attisdropped
       and left(a.attname, 1) <> '_' and (a.atttypid, a.atttypmod) <> (h.atttypid, h.atttypmod)
  loop
    raise exception 'column % is now %: history keeps its past under another type', v_column.attname, v_column.type
      using errcode = 'datatype_mismatch';
  end loop;

  select string_agg(quote_ident(attname), ', ' order by attnum)
    into v_names
    from pg_attribute where attrelid = v_table and attnum > 0 and not attisdropped and left(attname, 1) <> '_';

  -- jsonb_build_object takes at most 100 arguments, hence the groups of 48 columns.
  select coalesce(string_agg(part, ' || '), '''{}''::jsonb') into v_state from (
    select 'jsonb_build_object(' || string_agg(format('%L, %%1$s.%I', attname, attname), ', ' order by attnum) || ')' as part
      from (select attname, attnum, (row_number() over (order by attnum) - 1) / 48 as g
              from pg_attribute
             where attrelid = v_table and attnum > 0 and not attisdropped and left(attname, 1) <> '_' and attname <> all (v_system)) as c
     group by g order by g) as parts;

  -- Types without an equality of their own are compared as text.
  select coalesce(string_agg(format(
           case when atttypid in ('point'::regtype, 'json'::regtype)
                then 'case when o.%1$I::text is not distinct from n.%1$I::text then %2$L end'
                else 'case when o.%1$I is not distinct from n.%1$I then %2$L end' end, attname, attname), ', ' order by attnum), 'null')
    into v_same
    from pg_attribute
   where attrelid = v_table and attnum > 0 and not attisdropped and left(attname, 1) <> '_' and attname <> all (v_system);

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
      if platform.migration() is not null then
        perform platform.audit_backfill(%12$L, %13$L, %14$L, (select count(*) from new_rows),
          (select count(*) from old_rows o join new_rows n using (id)
            where (n.version, n.created_at, n.created_by, n.updated_at, n.updated_by, n.deleted_at, n.archived_at, n.archive_ref)
                  is not distinct from (o.version, o.created_at, o.created_by, o.updated_at, o.updated_by, o.deleted_at, o.archived_at, o.archive_ref)),
          (select encode(sha256(string_agg(sha256(convert_to(n::text, 'UTF8')), '' order by n.id)), 'hex') from new_rows n));
        return null;
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
       from pg_attribute where attrelid = v_table and attnum > 0 and not attisdropped and left(attname, 1) <> '_'),
    v_head, format('%I.%I', p_namespace, p_history), format(v_state, 'o'), format(v_state, 'n'), v_same, v_entries,
    p_namespace, p_table, p_organisation, p_path, p_audit);

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
       from pg_attribute where attrelid = v_table and attnum > 0 and not attisdropped and left(attname, 1) <> '_'),
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
