-- runs as: velocity_operator
-- Changes of schemas: what was planned, who asked for it, who decided, and how far it is.

-- Who asked for the spec as it is now: the actor of the request that changed it last.
alter table platform.resources add column if not exists requested_by text;

create or replace function platform.note_requester() returns trigger language plpgsql as $$
begin
  new.requested_by := coalesce(nullif(current_setting('velocity.actor', true), ''), session_user::text);
  return new;
end
$$;
create or replace trigger resources_requested_on_insert before insert on platform.resources
  for each row execute function platform.note_requester();
create or replace trigger resources_requested_on_update before update on platform.resources
  for each row when (new.spec is distinct from old.spec) execute function platform.note_requester();

create table if not exists platform.schema_plans (
  namespace    text        not null,
  name         text        not null,
  plan_hash    text        not null,
  generation   bigint      not null,
  state        text        not null check (state in ('waiting', 'approved', 'rejected', 'applying', 'applied', 'failed', 'superseded')),
  requested_by text        not null,
  decided_by   text,
  decided_how  text,
  reason       text,
  created_at   timestamptz not null default clock_timestamp(),
  changed_at   timestamptz not null default clock_timestamp(),
  primary key (namespace, name, plan_hash)
);
-- What a change has prepared in a table belongs to one plan at a time.
create unique index if not exists schema_plans_applying on platform.schema_plans (namespace, name) where state = 'applying';
grant select on platform.schema_plans to velocity_api;

-- One use, one actor, one plan, one hour: what makes a bare signal trustworthy.
create table if not exists platform.approval_tokens (
  token_hash bytea       not null primary key check (octet_length(token_hash) = 32),
  namespace  text        not null,
  name       text        not null,
  plan_hash  text        not null,
  actor      text        not null,
  expires_at timestamptz not null,
  used_at    timestamptz
);
create index if not exists approval_tokens_expires_at on platform.approval_tokens (expires_at);
grant insert on platform.approval_tokens to velocity_api;

-- Whether a record table holds any row, deleted ones included. The planner asks it on behalf of the
-- API too, which may not look into tables itself; tables that hold no records are none of its business.
create or replace function platform.holds_rows(p_namespace text, p_table text) returns boolean
  language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_found boolean := false;
begin
  if exists (select from platform.history_tables h where h.pg_namespace = p_namespace and h.pg_table = p_table) then
    execute format('select exists (select from %I.%I)', p_namespace, p_table) into v_found;
  end if;
  return v_found;
end
$$;
revoke execute on function platform.holds_rows(text, text) from public;
grant execute on function platform.holds_rows(text, text) to velocity_api;
