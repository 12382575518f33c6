-- runs as: superuser
-- Partitioned record tables. The table carries every trigger, policy and right, as a plain one does;
-- its partitions refuse whoever writes to them directly, so that nothing passes history or policies
-- by.

-- Fires for statements that name the partition: those that name the table never come here.
create or replace function platform.refuse_partition_write() returns trigger
  language plpgsql
as $$
begin
  raise exception 'records are written through their table, never through the partition %', tg_table_name
    using errcode = 'insufficient_privilege';
end
$$;

-- A record whose partition field changes moves: Postgres deletes it in one partition and inserts it in
-- the other, where BEFORE INSERT triggers see it arrive with a past. It has one indeed when history
-- ends with the version before; then it stays as it is. Everybody else who claims a past has none.
-- A forged INSERT does not get through here: its id is taken (see the `_ids` table of each such table).
create or replace function platform.first_version_unless_moved() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_history text;
  v_moved   boolean := false;
begin
  select format('%I.%I', h.pg_namespace, h.history) into v_history
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join platform.history_tables h on h.pg_namespace = n.nspname and h.pg_table = c.relname
   where c.oid = coalesce(pg_partition_root(tg_relid), tg_relid);
  if v_history is not null then
    execute format('select h.version = $2 - 1 and h._operation <> ''purge'' from %s h
                     where h.id = $1 order by h._occurred_at desc limit 1', v_history)
       into v_moved using new.id, new.version;
  end if;
  if v_moved then
    return new;
  end if;
  new.version    := 1;
  new.created_at := platform.occurred_at();
  new.created_by := platform.actor();
  new.updated_at := new.created_at;
  new.updated_by := new.created_by;
  return new;
end
$$;
alter function platform.first_version_unless_moved() owner to velocity_audit;

-- Rows copied into the table that takes another's place: one entry a batch, as for every backfill.
create or replace function platform.audit_copy(
  p_namespace text, p_table text, p_audit boolean, p_records bigint, p_digest text
) returns void
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_known platform.history_tables;
begin
  select * into v_known from platform.history_tables where pg_namespace = p_namespace and pg_table = p_table;
  if not found or platform.migration() is null then
    raise exception 'nothing of %.% is being copied', p_namespace, p_table using errcode = 'insufficient_privilege';
  end if;
  -- Nothing was written, so all of it was: the rows of a batch are where they were.
  perform platform.audit_backfill(v_known.organisation, v_known.path, p_audit, p_records, p_records, p_digest);
end
$$;
alter function platform.audit_copy(text, text, boolean, bigint, text) owner to velocity_audit;
revoke execute on function platform.audit_copy(text, text, boolean, bigint, text) from public;
grant execute on function platform.audit_copy(text, text, boolean, bigint, text) to velocity_operator;

-- Makes one partition and attaches it. Rows of the default partition that belong there move along in the
-- same transaction, and the table is locked until its end: so they may be at most `p_movable`. Answers how many moved; null when they are more and so nothing was done. `p_condition`
-- says which rows belong there.
create or replace function platform.attach_partition(
  p_namespace text, p_table text, p_base text, p_suffix text, p_bound text, p_condition text, p_movable integer
) returns integer
  language plpgsql set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
  v_name      text := platform.suffixed_name(p_base, p_suffix);
  v_default   regclass;
  v_strays    integer := 0;
begin
  for v_try in 2 .. 1000 loop
    exit when to_regclass(format('%I.%I', p_namespace, v_name)) is null;
    v_name := platform.suffixed_name(p_base, p_suffix || '_' || v_try);
  end loop;
  select nullif(p.partdefid, 0)::regclass into v_default
    from pg_partitioned_table p where p.partrelid = format('%I.%I', p_namespace, p_table)::regclass;
  -- A query that knows the old partitions alone would find a row that moves in neither its old place nor
  -- its new one. So nobody is inside while it happens: all come in by the table, and wait there.
  execute format('lock table only %I.%I in access exclusive mode', p_namespace, p_table);
  if v_default is not null and p_condition is not null then
    execute format('select count(*) from (select from %s where %s limit %s) as s', v_default, p_condition, p_movable + 1)
       into v_strays;
    if v_strays > p_movable then
      return null;
    end if;
  end if;
  execute format('create table %1$I.%2$I (like %1$I.%3$I including defaults including constraints)', p_namespace, v_name, p_table);
  if v_strays > 0 then
    -- They are where they were as far as anybody can see: no version, no history, no purge.
    execute format('alter table %s disable trigger user', v_default);
    execute format('with moved as (delete from %s where %s returning *) insert into %I.%I select * from moved',
                   v_default, p_condition, p_namespace, v_name);
    execute format('alter table %s enable trigger user', v_default);
  end if;
  execute format('alter table %1$I.%2$I attach partition %1$I.%3$I %4$s', p_namespace, p_table, v_name, p_bound);
  -- Rights and policies are the table's; nobody is given any here.
  execute format('alter table %I.%I enable row level security, force row level security', p_namespace, v_name);
  execute format('create policy velocity_operator on %I.%I to velocity_operator using (true) with check (true)', p_namespace, v_name);
  execute format('create trigger velocity_refuse_partition_write before insert or update or delete or truncate on %I.%I
                    for each statement execute function platform.refuse_partition_write()', p_namespace, v_name);
  return v_strays;
end
$$;
alter function platform.attach_partition(text, text, text, text, text, text, integer) owner to velocity_operator;
revoke execute on function platform.attach_partition(text, text, text, text, text, text, integer) from public;

-- Unique indexes and foreign keys of partitions by the names of their table's, so that an error tells
-- which rule it was: `{index of the table}~{oid of the partition}`, and the very name of a key. The
-- default partition is always called `{table}_default`.
create or replace function platform.name_partition_parts(p_namespace text, p_table text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  v_part record;
begin
  for v_part in
    select p.partdefid::regclass as partition, platform.suffixed_name(p_table, '_default') as name
      from pg_partitioned_table p join pg_class c on c.oid = p.partdefid
     where p.partrelid = format('%I.%I', p_namespace, p_table)::regclass and c.relname <> platform.suffixed_name(p_table, '_default')
  loop
    execute format('alter table %s rename to %I', v_part.partition, v_part.name);
  end loop;
  for v_part in
    select i.indexrelid::regclass as child, left(p.relname, 52) || '~' || i.indrelid as name
      from pg_inherits h
      join pg_index i on i.indexrelid = h.inhrelid
      join pg_class c on c.oid = h.inhrelid
      join pg_class p on p.oid = h.inhparent
      join pg_index pi on pi.indexrelid = p.oid
     where pi.indrelid = format('%I.%I', p_namespace, p_table)::regclass and i.indisunique
       and c.relname <> left(p.relname, 52) || '~' || i.indrelid
     order by c.relname
  loop
    execute format('alter index %s rename to %I', v_part.child, v_part.name);
  end loop;
  for v_part in
    select c.conrelid::regclass as partition, c.conname, p.conname as name
      from pg_constraint c join pg_constraint p on p.oid = c.conparentid
     where p.conrelid = format('%I.%I', p_namespace, p_table)::regclass and c.contype = 'f' and c.conname <> p.conname
       and c.conrelid <> p.conrelid
     order by c.conrelid, c.conname
  loop
    execute format('alter table %s rename constraint %I to %I', v_part.partition, v_part.conname, v_part.name);
  end loop;
end
$$;
alter function platform.name_partition_parts(text, text) owner to velocity_operator;
revoke execute on function platform.name_partition_parts(text, text) from public;

-- Brings a table to the partitions that it should have, making at most `p_most` of them in this
-- transaction; answers how many were made, so 0 when there is nothing left to do. Only adds, so it may
-- be repeated. A span with too many rows in the default partition has none, and they stay where they
-- are. `p_base` is what the names of partitions begin with.
--   range: spans of `p_months` months (UTC): this one and two ahead, and those of rows in the default
--          partition, or in `p_source` when the table is to take over its rows. Months that have a
--          partition already keep it, so another span holds from the first free month on.
--   list:  one for each of `p_values`.
--   hash:  eight.
create or replace function platform.sync_partitions(
  p_namespace text, p_table text, p_base text, p_strategy text, p_field text, p_months integer, p_values text[], p_source text,
  p_most integer
) returns integer
  language plpgsql set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
  v_ahead   constant integer := 2;
  v_rows_of constant integer := 240;   -- months that are looked for in what is there: 20 years
  v_modulus constant integer := 8;
  v_table   constant regclass := format('%I.%I', p_namespace, p_table)::regclass;
  v_bounds  text[];
  v_default regclass;
  v_covered datemultirange;
  v_spans   date[];
  v_span    date;
  v_month   date;
  v_from    date;
  v_to      date;
  v_value   text;
  v_made    integer := 0;
  v_movable integer := 10000;   -- rows that one call moves, some 150 ms
  v_moved   integer;
begin
  select array(select pg_get_expr(c.relpartbound, c.oid) from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = v_table),
         nullif(p.partdefid, 0)::regclass
    into v_bounds, v_default
    from pg_partitioned_table p where p.partrelid = v_table;

  if p_strategy = 'hash' then
    for v_remainder in 0 .. v_modulus - 1 loop
      v_value := format('FOR VALUES WITH (modulus %s, remainder %s)', v_modulus, v_remainder);
      exit when v_made >= p_most;
      continue when v_value = any (v_bounds);
      perform platform.attach_partition(p_namespace, p_table, p_base, '_h' || v_remainder, v_value, null, 0);
      v_made := v_made + 1;
    end loop;
    perform platform.name_partition_parts(p_namespace, p_table);
    return v_made;
  end if;

  if v_default is null then
    perform platform.attach_partition(p_namespace, p_table, p_base, '_default', 'default', null, 0);
    select p.partdefid::regclass into v_default from pg_partitioned_table p where p.partrelid = v_table;
    v_made := 1;
  end if;

  if p_strategy = 'list' then
    foreach v_value in array p_values loop
      exit when v_made >= p_most;
      continue when format('FOR VALUES IN (%s)', v_value) = any (v_bounds);
      v_moved := platform.attach_partition(p_namespace, p_table, p_base,
           '_l_' || left(regexp_replace(lower(v_value), '[^a-z0-9]+', '', 'g'), 20),
           format('for values in (%s)', v_value), format('%I = %s', p_field, v_value), v_movable);
      continue when v_moved is null;
      v_made    := v_made + 1;
      v_movable := v_movable - v_moved;
    end loop;
    perform platform.name_partition_parts(p_namespace, p_table);
    return v_made;
  end if;

  select coalesce(range_agg(daterange((regexp_match(b, 'FROM \(''([^'']+)''\)'))[1]::timestamptz::date,
                                      (regexp_match(b, 'TO \(''([^'']+)''\)'))[1]::timestamptz::date)), '{}')
    into v_covered from unnest(v_bounds) as b where b like 'FOR VALUES FROM%';
  execute format(
    'select array(select distinct make_date(extract(year from m)::integer, ((extract(month from m)::integer - 1) / %1$s) * %1$s + 1, 1) as span
       from (select (date_trunc(''month'', now()) + make_interval(months => n))::date
               from generate_series(0, %2$s) as n
              union all
             select * from (select distinct date_trunc(''month'', %3$I)::date as month from %4$s
                             where %3$I >= ''0001-01-01'' and %3$I < ''9999-01-01'' order by month desc limit %5$s) as there) as months (m)
      order by span)',
    p_months, v_ahead * p_months, p_field, case when p_source is null then v_default::text else format('%I.%I', p_namespace, p_source) end, v_rows_of)
    into v_spans;
  foreach v_span in array v_spans loop
    exit when v_made >= p_most;
    v_from := null;
    for v_place in 0 .. p_months loop
      v_month := (v_span + make_interval(months => v_place))::date;
      if v_place < p_months and not v_covered @> v_month then
        v_from := coalesce(v_from, v_month);
        continue;
      end if;
      continue when v_from is null;
      v_to := v_month;
      v_moved := platform.attach_partition(p_namespace, p_table, p_base, '_p' || to_char(v_from, 'YYYYMM'),
           format('for values from (%L) to (%L)', v_from, v_to),
           format('%1$I >= %2$L and %1$I < %3$L', p_field, v_from, v_to), v_movable);
      v_from  := null;
      continue when v_moved is null;
      v_made    := v_made + 1;
      v_movable := v_movable - v_moved;
    end loop;
  end loop;
  perform platform.name_partition_parts(p_namespace, p_table);
  return v_made;
end
$$;
alter function platform.sync_partitions(text, text, text, text, text, integer, text[], text, integer) owner to velocity_operator;
revoke execute on function platform.sync_partitions(text, text, text, text, text, integer, text[], text, integer) from public;
