-- runs as: superuser
-- A history that a worker of the release before makes, while this one is coming up, can be read too.

create or replace function platform.open_new_history() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_role text;
begin
  select d.pg_role into v_role from platform.domains d where d.pg_namespace = new.pg_namespace;
  if v_role is not null then
    perform platform.open_history(new.pg_namespace, new.pg_table, v_role);
  end if;
  return null;
end
$$;
alter function platform.open_new_history() owner to velocity_audit;
revoke execute on function platform.open_new_history() from public;
grant select on platform.domains to velocity_audit;

create or replace trigger history_tables_open after insert on platform.history_tables
  for each row execute function platform.open_new_history();

do $$
declare
  v_table record;
begin
  for v_table in
    select h.pg_namespace, h.pg_table, d.pg_role
      from platform.history_tables h join platform.domains d on d.pg_namespace = h.pg_namespace
  loop
    perform platform.open_history(v_table.pg_namespace, v_table.pg_table, v_table.pg_role);
  end loop;
end
$$;
