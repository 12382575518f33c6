-- runs as: velocity_operator
-- Deletes heed both: a frozen referrer refuses them (0013), a version that takes no writes is no
-- obstacle and stays as it is (0019).
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
    select r.*, has_table_privilege(d.pg_role, format('%I.%I', r.source_namespace, r.source_table), 'update') as open
      from platform.schema_references r join platform.domains d on d.pg_namespace = r.source_namespace
     where r.target_namespace = tg_table_schema and r.target_table = tg_table_name
       and not exists (select from platform.schema_versions v
                        where v.pg_namespace = r.source_namespace and v.pg_table = r.source_table)
     order by r.source_namespace, r.source_table, r.source_column
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
    if not v_reference.open then
      raise exception 'a record refers to it through %.%, which is frozen', v_reference.source_table, v_reference.source_column
        using errcode = 'VE013', table = v_reference.source_table, column = v_reference.source_column;
    end if;
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
