-- runs as: superuser
-- The audit log. platform.audit_insert() is its only writer, and only functions owned by
-- velocity_audit may call that. Every SECURITY DEFINER function names pg_temp last in its path: left
-- out it is searched first, and a temporary table called pg_class would stand in for the real one.

create sequence if not exists platform.audit_log_id;
alter sequence platform.audit_log_id owner to velocity_audit;

create table if not exists platform.audit_log (
  id             bigint      not null,
  xid            xid8        not null default pg_current_xact_id(),
  occurred_at    timestamptz not null,
  organisation   text        not null,
  path           text,                     -- org/app/domain/object/version
  entity_id      uuid,
  entity_version bigint,
  operation      text        not null,
  outcome        text        not null,     -- ok | denied
  layer          text,                     -- of a denial
  actor          text        not null,
  actor_type     text        not null,
  strategy       text        not null,
  fail_mode      text,
  request_id     text,
  reason         text,
  ticket_ref     text,
  previous_id    bigint,                   -- the entity's previous write entry
  payload        jsonb,                    -- {old, new} of the changed fields
  primary key (occurred_at, id)
) partition by range (occurred_at);
alter table platform.audit_log owner to velocity_audit;
grant select on platform.audit_log to velocity_operator;

create table if not exists platform.audit_log_default partition of platform.audit_log default;
alter table platform.audit_log_default owner to velocity_audit;

-- A name with a suffix, within Postgres's 63 bytes: a long one is cut and told apart by its digest.
create or replace function platform.suffixed_name(p_name text, p_suffix text) returns text
  language sql immutable parallel safe
  return case
    when octet_length(p_name || p_suffix) <= 63 then p_name || p_suffix
    else left(p_name, 52 - octet_length(p_suffix)) || '_' || left(md5(p_name), 10) || p_suffix
  end;

-- This month and `p_months` ahead always have a partition; the default one catches what no month does.
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
    execute format('create table %I.%I partition of %I.%I for values from (%L) to (%L)',
                   p_namespace, v_name, p_namespace, p_table, v_from, v_to);
  end loop;
end
$$;
alter function platform.ensure_month_partitions(text, text, text, integer) owner to velocity_audit;
revoke execute on function platform.ensure_month_partitions(text, text, text, integer) from public;

set role velocity_audit;
select platform.ensure_month_partitions('platform', 'audit_log', 'occurred_at', 3);
reset role;

-- Set-based: one call a statement, however many rows. All arrays have the same length.
create or replace function platform.audit_insert(
  p_organisation text, p_path text, p_ids bigint[], p_occurred_at timestamptz[], p_entity_ids uuid[],
  p_versions bigint[], p_operations text[], p_previous_ids bigint[], p_payloads jsonb[],
  p_outcome text default 'ok', p_layer text default null
) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into platform.audit_log
         (id, occurred_at, organisation, path, entity_id, entity_version, operation, outcome, layer,
          actor, actor_type, strategy, fail_mode, request_id, reason, ticket_ref, previous_id, payload)
  select e.id, e.occurred_at, p_organisation, p_path, e.entity_id, e.version, e.operation, p_outcome, p_layer,
         c.actor, c.actor_type, c.strategy, c.fail_mode, c.request_id, c.reason, c.ticket_ref, e.previous_id, e.payload
    from unnest(p_ids, p_occurred_at, p_entity_ids, p_versions, p_operations, p_previous_ids, p_payloads)
         as e (id, occurred_at, entity_id, version, operation, previous_id, payload)
   cross join (select coalesce(nullif(current_setting('velocity.actor', true), ''), session_user::text) as actor,
                      coalesce(nullif(current_setting('velocity.actor_type', true), ''), 'database') as actor_type,
                      coalesce(nullif(current_setting('velocity.strategy', true), ''), 'database') as strategy,
                      nullif(current_setting('velocity.fail_mode', true), '') as fail_mode,
                      nullif(current_setting('velocity.request_id', true), '') as request_id,
                      nullif(current_setting('velocity.reason', true), '') as reason,
                      nullif(current_setting('velocity.ticket_ref', true), '') as ticket_ref
               offset 0) as c;
end
$$;
alter function platform.audit_insert(text, text, bigint[], timestamptz[], uuid[], bigint[], text[], bigint[], jsonb[], text, text)
  owner to velocity_audit;
revoke execute on function platform.audit_insert(text, text, bigint[], timestamptz[], uuid[], bigint[], text[], bigint[], jsonb[], text, text)
  from public;

-- Everything that is not a write of a record: denials, grants, keys, resources. A caller cannot make
-- an entry that looks like a record's write: those operations are refused here.
create or replace function platform.audit_event(
  p_organisation text, p_path text, p_entity_id uuid, p_operation text, p_outcome text, p_layer text, p_payload jsonb
) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if p_outcome is distinct from 'denied' and lower(trim(p_operation)) in ('create', 'update', 'delete', 'restore', 'purge') then
    raise exception 'writes of records are audited by the triggers of their table' using errcode = 'insufficient_privilege';
  end if;
  if p_outcome is null or p_outcome not in ('ok', 'denied') or p_operation !~ '^[a-z][a-z0-9.-]{0,62}$' then
    raise exception 'an audit event has a lower-case operation and the outcome ok or denied' using errcode = 'invalid_parameter_value';
  end if;
  perform platform.audit_insert(p_organisation, p_path, array[nextval('platform.audit_log_id')], array[clock_timestamp()],
    array[p_entity_id], array[null::bigint], array[p_operation], array[null::bigint], array[p_payload], p_outcome, p_layer);
end
$$;
alter function platform.audit_event(text, text, uuid, text, text, text, jsonb) owner to velocity_audit;
revoke execute on function platform.audit_event(text, text, uuid, text, text, text, jsonb) from public;
grant execute on function platform.audit_event(text, text, uuid, text, text, text, jsonb) to velocity_api, velocity_operator;
