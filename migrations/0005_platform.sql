-- runs as: velocity_operator
-- What the platform knows: resources as asked for, and their projections as the API serves by.

create sequence if not exists platform.resource_version_seq;
grant usage on sequence platform.resource_version_seq to velocity_api;

create table if not exists platform.resources (
  uid                uuid        not null primary key default gen_random_uuid(),
  kind               text        not null,
  namespace          text        not null,
  name               text        not null,
  generation         bigint      not null default 1,
  resource_version   bigint      not null default nextval('platform.resource_version_seq'),
  labels             jsonb       not null default '{}',
  annotations        jsonb       not null default '{}',
  finalizers         text[]      not null default '{}',
  spec               jsonb       not null,
  status             jsonb       not null default '{}',
  created_at         timestamptz not null default clock_timestamp(),
  deletion_timestamp timestamptz,
  unique (kind, namespace, name)
);
create index if not exists resources_namespace on platform.resources (namespace);
grant select, insert, update, delete on platform.resources to velocity_api;

create or replace function platform.notify_resource() returns trigger language plpgsql as $$
declare
  v_row platform.resources := case tg_op when 'DELETE' then old else new end;
begin
  perform pg_notify('velocity_resources', v_row.kind || '/' || v_row.namespace || '/' || v_row.name);
  return null;
end
$$;
create or replace trigger resources_notify after insert or update or delete on platform.resources
  for each row execute function platform.notify_resource();

create table if not exists platform.domains (
  namespace        text not null primary key,
  organisation     text not null,
  application      text not null,
  domain           text not null,
  pg_namespace     text not null unique,
  pg_role          text not null unique,
  default_role     text not null,
  admin_role       text not null,
  diagnostics_role text
);

create table if not exists platform.schema_revisions (
  namespace    text        not null,
  name         text        not null,
  revision     integer     not null,
  version      text        not null,
  generation   bigint      not null,
  spec         jsonb       not null,
  plan_hash    text        not null,
  state        text        not null check (state in ('active', 'superseded')),
  pg_namespace text        not null,
  pg_table     text        not null,
  activated_at timestamptz not null default clock_timestamp(),
  primary key (namespace, name, revision)
);
create unique index if not exists schema_revisions_active
  on platform.schema_revisions (namespace, name) where state = 'active';

create table if not exists platform.schema_references (
  source_namespace text not null,
  source_table     text not null,
  source_column    text not null,
  target_namespace text not null,
  target_table     text not null,
  target_column    text not null,
  on_delete        text not null check (on_delete in ('restrict', 'setNull', 'cascade')),
  primary key (source_namespace, source_table, source_column)
);
create index if not exists schema_references_target on platform.schema_references (target_namespace, target_table);

create table if not exists platform.role_bindings (
  namespace    text   not null,
  name         text   not null,
  organisation text   not null,
  actor_id     text   not null,
  roles        text[] not null,
  scopes       jsonb  not null default '[]',
  expires_at   timestamptz,
  granted_by   text,
  revoked_at   timestamptz,
  primary key (namespace, name)
);

create table if not exists platform.api_keys (
  namespace    text   not null,
  name         text   not null,
  organisation text   not null,
  key_hash     bytea  not null unique check (octet_length(key_hash) = 32),
  actor        text   not null,
  actor_type   text   not null check (actor_type in ('user', 'service')),
  roles        text[] not null default '{}',
  scopes       jsonb  not null default '[]',
  ip_allowlist text[] not null default '{}',
  expires_at   timestamptz,
  created_at   timestamptz not null default clock_timestamp(),
  revoked_at   timestamptz,
  last_used_at timestamptz,
  primary key (namespace, name),
  -- platform-admin belongs to the bootstrap key and to no other.
  check (roles = '{}' or (namespace = 'platform' and name = 'bootstrap'))
);

grant select on platform.domains, platform.schema_revisions, platform.schema_references, platform.role_bindings
  to velocity_api;
grant select, insert, update on platform.api_keys to velocity_api;

create or replace function platform.notify_registry() returns trigger language plpgsql as $$
begin
  perform pg_notify('velocity_registry', '');
  return null;
end
$$;
create or replace trigger domains_notify after insert or update or delete on platform.domains
  for each statement execute function platform.notify_registry();
create or replace trigger schema_revisions_notify after insert or update or delete on platform.schema_revisions
  for each statement execute function platform.notify_registry();
create or replace trigger role_bindings_notify after insert or update or delete on platform.role_bindings
  for each statement execute function platform.notify_registry();
create or replace trigger api_keys_notify after insert or update or delete on platform.api_keys
  for each statement execute function platform.notify_registry();

-- A key issued or revoked changes what the status of its resource must say.
create or replace function platform.notify_key_resource() returns trigger language plpgsql as $$
begin
  perform pg_notify('velocity_resources', 'ApiKey/' || new.namespace || '/' || new.name);
  return null;
end
$$;
create or replace trigger api_keys_notify_resource after insert or update of key_hash, revoked_at on platform.api_keys
  for each row execute function platform.notify_key_resource();

-- Idempotency keys: claimed before the write and answered by the write's own statement, all in one
-- transaction, so a refusal leaves no claim behind. Only the functions below touch the table.
create table if not exists platform.idempotency_keys (
  organisation   text        not null,
  actor          text        not null,
  route          text        not null,
  key            text        not null,
  body_hash      bytea       not null,
  status         smallint    not null,
  record_id      uuid,
  record_version bigint,
  body           text        not null,
  created_at     timestamptz not null default clock_timestamp(),
  primary key (organisation, actor, route, key)
);
create index if not exists idempotency_keys_created_at on platform.idempotency_keys (created_at);

-- VE001: another request holds the key. VE002: answered already. VE003: the same key, another request.
create or replace function platform.idempotency_claim(
  p_organisation text, p_actor text, p_route text, p_key text, p_body_hash bytea
) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_hash bytea;
begin
  if not pg_try_advisory_xact_lock(hashtextextended(concat_ws(chr(31), p_organisation, p_actor, p_route, p_key), 0)) then
    raise exception 'a request with this idempotency key is running' using errcode = 'VE001';
  end if;
  -- A statement of its own: it must see what was committed while the lock was fought over.
  select k.body_hash into v_hash
    from platform.idempotency_keys k
   where k.organisation = p_organisation and k.actor = p_actor and k.route = p_route and k.key = p_key
     and k.created_at > clock_timestamp() - interval '24 hours';
  if found then
    raise exception 'this idempotency key was used before'
      using errcode = case when v_hash = p_body_hash then 'VE002' else 'VE003' end;
  end if;
  delete from platform.idempotency_keys k
   where k.organisation = p_organisation and k.actor = p_actor and k.route = p_route and k.key = p_key;
end
$$;

create or replace function platform.idempotency_keep(
  p_organisation text, p_actor text, p_route text, p_key text, p_body_hash bytea,
  p_status integer, p_record_id uuid, p_record_version bigint, p_body text
) returns void
  language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  insert into platform.idempotency_keys (organisation, actor, route, key, body_hash, status, record_id, record_version, body)
  values (p_organisation, p_actor, p_route, p_key, p_body_hash, p_status, p_record_id, p_record_version, p_body)
$$;

create or replace function platform.idempotency_answer(p_organisation text, p_actor text, p_route text, p_key text)
  returns table (status smallint, id uuid, version bigint, body text)
  language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select k.status, k.record_id, k.record_version, k.body
    from platform.idempotency_keys k
   where k.organisation = p_organisation and k.actor = p_actor and k.route = p_route and k.key = p_key
$$;

-- Forgets answers older than a day, a bounded number at a time.
create or replace function platform.idempotency_sweep(p_limit integer) returns bigint
  language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  with old as (
    select k.ctid from platform.idempotency_keys k
     where k.created_at < clock_timestamp() - interval '24 hours'
     order by k.created_at limit p_limit
  ), gone as (
    delete from platform.idempotency_keys k using old where k.ctid = old.ctid returning 1
  )
  select count(*) from gone
$$;

-- onDelete over live referrers, set-based, in the delete's own transaction, whoever deletes. Runs as
-- velocity_operator because a referrer that the caller may not see still counts. A cascade fires the
-- same trigger on its referrers; all of one transaction's cascades share the bound.
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
