-- runs as: superuser
-- Who may see a record may read its past, and nobody else: a policy on each history asks the record's
-- own table, under the rights and the row filters that the caller has now.

-- Runs as its caller, so that the table's policies hold. It finds the table by name each time: a policy
-- that named it would keep it from being replaced by its copy.
create or replace function platform.sees_record(p_table text, p_id uuid) returns boolean
  language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_sees boolean;
begin
  execute format('select exists (select from %s t where t.id = $1)', p_table::regclass) into v_sees using p_id;
  return v_sees;
end
$$;

-- Lets the role of a domain read the history of one of its tables. Where that is so nothing is locked.
create or replace function platform.open_history(p_namespace text, p_table text, p_role text) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_history regclass;
begin
  select format('%I.%I', h.pg_namespace, h.history)::regclass into v_history
    from platform.history_tables h where h.pg_namespace = p_namespace and h.pg_table = p_table;
  if v_history is null then
    raise exception '%.% has no history', p_namespace, p_table using errcode = 'undefined_table';
  end if;
  if not exists (select from pg_class where oid = v_history and relowner = 'velocity_audit'::regrole) then
    raise exception '% is not a history table', v_history using errcode = 'insufficient_privilege';
  end if;
  if not exists (select from pg_roles where rolname = p_role and not rolcanlogin and not rolbypassrls) then
    raise exception '% is not the role of a domain', p_role using errcode = 'insufficient_privilege';
  end if;
  if not exists (select from pg_policy where polrelid = v_history and polname = 'velocity_operator') then
    execute format('alter table %s enable row level security', v_history);
    execute format('create policy velocity_operator on %s for select to velocity_operator using (true)', v_history);
  end if;
  if not exists (select from pg_policy
                  where polrelid = v_history and polname = 'velocity_records' and polroles = array[p_role::regrole::oid]) then
    execute format('drop policy if exists velocity_records on %s', v_history);
    execute format('create policy velocity_records on %s for select to %I using (platform.sees_record(%L, id))',
                   v_history, p_role, format('%I.%I', p_namespace, p_table));
  end if;
  if not has_table_privilege(p_role, v_history, 'select') then
    execute format('grant select on %s to %I', v_history, p_role);
  end if;
end
$$;
alter function platform.open_history(text, text, text) owner to velocity_audit;
revoke execute on function platform.open_history(text, text, text) from public;
grant execute on function platform.open_history(text, text, text) to velocity_operator;

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
