-- runs as: velocity_operator
-- What the API serves by is projected here by the workflows, wherever resources live: in
-- platform.resources or in a cluster, which may be away.

create table if not exists platform.organisations (
  name        text   not null primary key,
  admin_roles text[] not null
);
create table if not exists platform.auth_strategies (
  namespace text  not null,
  name      text  not null,
  spec      jsonb not null,
  primary key (namespace, name)
);
grant select on platform.organisations, platform.auth_strategies to velocity_api;

create or replace trigger organisations_notify after insert or update or delete on platform.organisations
  for each statement execute function platform.notify_registry();
create or replace trigger auth_strategies_notify after insert or update or delete on platform.auth_strategies
  for each statement execute function platform.notify_registry();

-- What stands already is reconciled already: it is projected here, once.
insert into platform.organisations (name, admin_roles)
select name, array(select jsonb_array_elements_text(coalesce(spec -> 'adminRoles', '[]')))
  from platform.resources
 where kind = 'Organisation'
    on conflict do nothing;
insert into platform.auth_strategies (namespace, name, spec)
select namespace, name, spec
  from platform.resources
 where kind = 'AuthStrategy'
    on conflict do nothing;
-- Reconciled from now on, so held until its projection has gone.
update platform.resources
   set finalizers = finalizers || array['velocity.sh/provisioned']
 where kind = 'AuthStrategy' and deletion_timestamp is null and not finalizers @> array['velocity.sh/provisioned'];
