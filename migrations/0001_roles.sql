-- runs as: superuser
-- The three roles of Velocity and the namespace they share. Run once by whoever owns the server.
--
--   velocity_api       logs in for the API; owns nothing, inherits nothing, bypasses nothing
--   velocity_operator  logs in for workers; owns tenant namespaces, record tables and platform tables
--   velocity_audit     logs in never and is granted to nobody; owns the past

do $$
begin
  if current_setting('server_version_num')::integer < 160000 then
    raise exception 'Velocity needs PostgreSQL 16 or later, this is %', current_setting('server_version')
      using errcode = 'feature_not_supported';
  end if;
  if not exists (select from pg_catalog.pg_roles where rolname = 'velocity_api') then
    create role velocity_api;
  end if;
  if not exists (select from pg_catalog.pg_roles where rolname = 'velocity_operator') then
    create role velocity_operator;
  end if;
  if not exists (select from pg_catalog.pg_roles where rolname = 'velocity_audit') then
    create role velocity_audit;
  end if;
end
$$;

alter role velocity_api
  login noinherit nosuperuser nobypassrls nocreaterole nocreatedb noreplication;
alter role velocity_operator
  login nosuperuser nobypassrls createrole nocreatedb noreplication;
alter role velocity_audit
  nologin nosuperuser nobypassrls nocreaterole nocreatedb noreplication;

-- Settings that hold behind a pooler too, where a session's own SET would not.
alter role velocity_api set timezone = 'UTC';
alter role velocity_api set statement_timeout = '15s';
alter role velocity_api set idle_in_transaction_session_timeout = '60s';
alter role velocity_api set jit = off;
alter role velocity_operator set timezone = 'UTC';

do $$
begin
  execute format('grant connect, create on database %I to velocity_operator', current_database());
  execute format('grant connect on database %I to velocity_api', current_database());
end
$$;

-- velocity_audit owns the namespace: the owner of a namespace may drop whatever lies in it, and the
-- audit log lies here. USAGE is for everybody because names alone open nothing.
create schema if not exists platform authorization velocity_audit;
grant usage on schema platform to public;
grant create on schema platform to velocity_operator;

create table if not exists platform.migrations (
  name       text primary key,
  checksum   text not null,
  applied_at timestamptz not null default clock_timestamp()
);
alter table platform.migrations owner to velocity_audit;
grant select, insert on platform.migrations to velocity_operator;
grant select on platform.migrations to velocity_api;
