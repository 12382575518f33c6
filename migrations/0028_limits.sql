-- runs as: velocity_operator
-- Who may no longer come in, and how much of everything an organisation may have. Every replica of the
-- API asks about both; nothing that a previous release does is changed.

create table if not exists platform.revocations (
  organisation text        not null,
  kind         text        not null check (kind in ('actor', 'token', 'session', 'key')),
  id           text        not null,
  ends_at      timestamptz,          -- when the credential would have ended by itself; null: when it is lifted
  revoked_by   text        not null,
  reason       text,
  revoked_at   timestamptz not null default clock_timestamp(),
  primary key (organisation, kind, id)
);
create index if not exists revocations_ends_at on platform.revocations (ends_at);
grant select, insert, update, delete on platform.revocations to velocity_api;

create or replace function platform.notify_revocations() returns trigger language plpgsql as $$
begin
  perform pg_notify('velocity_revocations', '');
  return null;
end
$$;
create or replace trigger revocations_notify after insert or update or delete on platform.revocations
  for each statement execute function platform.notify_revocations();

-- The quotas that count at every request, as the workflows project them.
alter table platform.organisations add column if not exists tenancy_mode text not null default 'single';
alter table platform.organisations add column if not exists quotas jsonb not null default '{}';
create table if not exists platform.applications (
  organisation text  not null,
  name         text  not null,
  quotas       jsonb not null default '{}',
  primary key (organisation, name)
);
grant select on platform.applications to velocity_api;
create or replace trigger applications_notify after insert or update or delete on platform.applications
  for each statement execute function platform.notify_registry();

-- What stands already is reconciled already: it is projected here, once.
update platform.organisations o
   set tenancy_mode = coalesce(r.spec ->> 'tenancyMode', 'single'),
       quotas = coalesce(r.spec -> 'resourceQuotas', '{}')
  from platform.resources r
 where r.kind = 'Organisation' and r.name = o.name
   and (o.tenancy_mode, o.quotas)
       is distinct from (coalesce(r.spec ->> 'tenancyMode', 'single'), coalesce(r.spec -> 'resourceQuotas', '{}'));
insert into platform.applications (organisation, name, quotas)
select spec ->> 'org', name, coalesce(spec -> 'resourceQuotas', '{}')
  from platform.resources
 where kind = 'Application'
    on conflict do nothing;

-- Records of a schema that are not deleted, counted no further than p_max: the quota's own size bounds
-- what it costs to hold it. For tables of schemas alone.
create or replace function platform.count_records(p_namespace text, p_table text, p_max bigint) returns bigint
  language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_count bigint;
begin
  if not exists (select from platform.schema_revisions r
                  where r.pg_namespace = p_namespace and r.pg_table = p_table and r.state = 'active') then
    return 0;
  end if;
  execute format('select count(*) from (select from %I.%I where deleted_at is null limit $1) as counted', p_namespace, p_table)
    into v_count using p_max;
  return v_count;
end
$$;
revoke execute on function platform.count_records(text, text, bigint) from public;
grant execute on function platform.count_records(text, text, bigint) to velocity_api;
