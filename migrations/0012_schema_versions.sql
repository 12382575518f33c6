-- runs as: velocity_operator
-- The versions of a schema are tables of their own and are served side by side: each has one active
-- revision. What a version's own spec cannot say, because another one has followed it, stands here.

create unique index if not exists schema_revisions_active_version
  on platform.schema_revisions (namespace, name, version) where state = 'active';
drop index if exists platform.schema_revisions_active;

-- receiving: takes its records over from another version and no writes until then. superseded: its
-- records have moved to `successor`; read-only. dropped: its table is gone, and callers are told so.
-- A version without a row here is served as its spec says.
create table if not exists platform.schema_versions (
  namespace     text        not null,
  name          text        not null,
  version       text        not null,
  state         text        not null check (state in ('receiving', 'superseded', 'dropped')),
  pg_namespace  text        not null,
  pg_table      text        not null,
  successor     text,
  deprecated_at timestamptz,
  sunset_at     timestamptz,
  primary key (namespace, name, version)
);
create index if not exists schema_versions_table on platform.schema_versions (pg_namespace, pg_table);
grant select on platform.schema_versions to velocity_api;
create or replace trigger schema_versions_notify after insert or update or delete on platform.schema_versions
  for each statement execute function platform.notify_registry();
