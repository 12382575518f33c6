-- runs as: superuser
-- Records that move from one version of their schema to another keep ids, versions, times and authors.
-- Whoever may set those could invent a past, so it takes an open copy, each record must be what the
-- source's history says it is, and what was copied can be taken back only while that copy is open.

create table if not exists platform.copies (
  pg_namespace    text        not null,
  pg_table        text        not null,   -- takes the records over
  source_table    text        not null,   -- in the same namespace
  migration       text        not null,   -- what velocity.migration has to be
  revision        integer     not null,   -- of the version that takes them over
  opened_audit_id bigint      not null,
  opened_at       timestamptz not null default clock_timestamp(),
  primary key (pg_namespace, pg_table)
);
alter table platform.copies owner to velocity_audit;
grant select on platform.copies to velocity_operator;

-- Idempotent for the same migration; one copy into a table at a time.
create or replace function platform.open_copy(
  p_namespace text, p_table text, p_source text, p_revision integer, p_migration text
) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_known platform.history_tables;
  v_id    bigint := nextval('platform.audit_log_id');
begin
  select * into v_known from platform.history_tables where pg_namespace = p_namespace and pg_table = p_table;
  if not found or p_source = p_table
     or not exists (select from platform.history_tables h where h.pg_namespace = p_namespace and h.pg_table = p_source) then
    raise exception 'a copy leads from one record table to another' using errcode = 'invalid_parameter_value';
  end if;
  insert into platform.copies (pg_namespace, pg_table, source_table, migration, revision, opened_audit_id)
  values (p_namespace, p_table, p_source, p_migration, p_revision, v_id)
  on conflict (pg_namespace, pg_table) do nothing;
  if not found then
    if not exists (select from platform.copies c where c.pg_namespace = p_namespace and c.pg_table = p_table
                      and c.migration = p_migration and c.source_table = p_source) then
      raise exception 'another copy into %.% is open', p_namespace, p_table using errcode = 'object_in_use';
    end if;
    return;
  end if;
  perform platform.audit_insert(v_known.organisation, v_known.path, array[v_id], array[clock_timestamp()],
    array[null::uuid], array[null::bigint], array['open-copy'], array[null::bigint],
    array[jsonb_build_object('migration', p_migration, 'source', p_source)]);
end
$$;
alter function platform.open_copy(text, text, text, integer, text) owner to velocity_audit;
revoke execute on function platform.open_copy(text, text, text, integer, text) from public;
grant execute on function platform.open_copy(text, text, text, integer, text) to velocity_operator;

-- From here on what was copied stays. Ids that were purged from the source do not come back either.
create or replace function platform.close_copy(p_namespace text, p_table text, p_kept boolean) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_known platform.history_tables;
  v_copy  platform.copies;
begin
  delete from platform.copies where pg_namespace = p_namespace and pg_table = p_table returning * into v_copy;
  if not found then
    return;
  end if;
  if p_kept then
    insert into platform.purged_records (pg_namespace, pg_table, id)
    select p_namespace, p_table, g.id from platform.purged_records g
     where g.pg_namespace = p_namespace and g.pg_table = v_copy.source_table
    on conflict do nothing;
  end if;
  select * into v_known from platform.history_tables where pg_namespace = p_namespace and pg_table = p_table;
  perform platform.audit_insert(v_known.organisation, v_known.path, array[nextval('platform.audit_log_id')], array[clock_timestamp()],
    array[null::uuid], array[null::bigint], array['close-copy'], array[null::bigint],
    array[jsonb_build_object('migration', v_copy.migration, 'source', v_copy.source_table, 'kept', p_kept)]);
end
$$;
alter function platform.close_copy(text, text, boolean) owner to velocity_audit;
revoke execute on function platform.close_copy(text, text, boolean) from public;
grant execute on function platform.close_copy(text, text, boolean) to velocity_operator;

-- Stands in for the history triggers while a copy is open: a record that arrives begins its history
-- with the state that it has, one that is taken back leaves none. One audit entry a statement.
create or replace function platform.write_copy() returns trigger
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_copy    platform.copies;
  v_known   platform.history_tables;
  v_source  text;
  v_names   text;
  v_strange bigint;
  v_records bigint;
  v_digest  text;
  v_id      bigint := nextval('platform.audit_log_id');
begin
  select * into v_copy from platform.copies where pg_namespace = tg_table_schema and pg_table = tg_table_name;
  if not found or v_copy.migration is distinct from platform.migration() then
    raise exception 'no copy into %.% is open', tg_table_schema, tg_table_name using errcode = 'insufficient_privilege';
  end if;
  select * into v_known from platform.history_tables where pg_namespace = tg_table_schema and pg_table = tg_table_name;
  -- The look-ups below are sub-selects and so stay index probes, whatever the planner thinks of new_rows.
  if tg_op = 'INSERT' then
    select history into v_source from platform.history_tables
     where pg_namespace = tg_table_schema and pg_table = v_copy.source_table;
    execute format('select count(*) from new_rows n where
        (select true from %I.%I h
          where h.id = n.id and h._occurred_at = n.updated_at and h.version = n.version
            and (h.created_at, h.created_by, h.updated_by, h.deleted_at, h.archived_at, h.archive_ref) is not distinct from
                (n.created_at, n.created_by, n.updated_by, n.deleted_at, n.archived_at, n.archive_ref)) is null',
      tg_table_schema, v_source) into v_strange;
    if v_strange > 0 then
      raise exception '% records are not what the history of % says', v_strange, v_copy.source_table
        using errcode = 'insufficient_privilege';
    end if;
    select string_agg(quote_ident(attname), ', ' order by attnum) into v_names
      from pg_attribute where attrelid = tg_relid and attnum > 0 and not attisdropped and left(attname, 1) <> '_';
    execute format(
      'insert into %I.%I (%s, _occurred_at, _operation, _actor, _actor_type, _request_id, _revision, _audit_id)
       select %s, updated_at, ''copy'', platform.actor(), coalesce(platform.setting(''actor_type''), ''database''), null, $1, $2 from new_rows',
      tg_table_schema, v_known.history, v_names, v_names) using v_copy.revision, v_id;
    select count(*), encode(sha256(string_agg(sha256(convert_to(n::text, 'UTF8')), '' order by n.id)), 'hex')
      into v_records, v_digest from new_rows n;
  else
    execute format('select count(*) from old_rows o where
        (select true from %I.%I h where h.id = o.id and h._occurred_at = o.updated_at
            and h._operation = ''copy'' and h._audit_id > $1) is null',
      tg_table_schema, v_known.history) into v_strange using v_copy.opened_audit_id;
    if v_strange > 0 then
      raise exception '% records of %.% were not copied: they stay', v_strange, tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege';
    end if;
    execute format('delete from %I.%I h using old_rows o
        where h.id = o.id and h._occurred_at = o.updated_at and h._operation = ''copy'' and h._audit_id > $1',
      tg_table_schema, v_known.history) using v_copy.opened_audit_id;
    select count(*), encode(sha256(string_agg(sha256(convert_to(o::text, 'UTF8')), '' order by o.id)), 'hex')
      into v_records, v_digest from old_rows o;
  end if;
  if v_records > 0 then
    perform platform.audit_insert(v_known.organisation, v_known.path, array[v_id], array[clock_timestamp()],
      array[null::uuid], array[null::bigint], array[case tg_op when 'INSERT' then 'copy' else 'take-back' end], array[null::bigint],
      array[jsonb_build_object('migration', v_copy.migration, 'records', v_records, 'digest', v_digest)]);
  end if;
  return null;
end
$$;
alter function platform.write_copy() owner to velocity_audit;
revoke execute on function platform.write_copy() from public;
grant execute on function platform.write_copy() to velocity_operator;
