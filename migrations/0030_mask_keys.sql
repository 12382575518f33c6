-- runs as: superuser
-- The key of an organisation's hash masks (HMAC-SHA-256, RFC 2104). It is made here, kept here and
-- used here: neither the API nor the operator can read it, and no statement carries it. What is kept
-- are the two blocks that HMAC begins its hashes with, the key padded and masked, since SQL has no
-- exclusive or over bytes that would be fast enough for every row.

create table if not exists platform.mask_keys (
  organisation text  not null primary key,
  inner_block  bytea not null check (octet_length(inner_block) = 64),
  outer_block  bytea not null check (octet_length(outer_block) = 64)
);
alter table platform.mask_keys owner to velocity_audit;

-- 366 random bits, hashed to the 32 bytes that RFC 2104 asks of a key for SHA-256.
create or replace function platform.make_mask_key(p_organisation text) returns void
  language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  with key as materialized (
    select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
           || decode(repeat('00', 32), 'hex') as bytes
  ), blocks as (
    select decode(string_agg(lpad(to_hex(get_byte(key.bytes, i) # 54), 2, '0'), '' order by i), 'hex') as inner_block,
           decode(string_agg(lpad(to_hex(get_byte(key.bytes, i) # 92), 2, '0'), '' order by i), 'hex') as outer_block
      from key cross join generate_series(0, 63) as i
  )
  insert into platform.mask_keys (organisation, inner_block, outer_block)
  select p_organisation, inner_block, outer_block from blocks
      on conflict do nothing
$$;
alter function platform.make_mask_key(text) owner to velocity_audit;
revoke execute on function platform.make_mask_key(text) from public;

-- Every schema has a domain, so whoever has values to mask has a key.
create or replace function platform.keep_mask_key() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform platform.make_mask_key(new.organisation);
  return null;
end
$$;
alter function platform.keep_mask_key() owner to velocity_audit;
revoke execute on function platform.keep_mask_key() from public;
create or replace trigger domains_mask_key after insert on platform.domains
  for each row execute function platform.keep_mask_key();

-- Another organisation of the same name starts with another key.
create or replace function platform.drop_mask_key() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from platform.mask_keys where organisation = old.name;
  return null;
end
$$;
alter function platform.drop_mask_key() owner to velocity_audit;
revoke execute on function platform.drop_mask_key() from public;
create or replace trigger organisations_mask_key after delete on platform.organisations
  for each row execute function platform.drop_mask_key();

select platform.make_mask_key(organisation) from (select distinct organisation from platform.domains) as d;

-- A value as who may not see it gets it, under the key of the organisation that the transaction is
-- for. Only for the API: whoever else could ask would only need to guess.
create or replace function platform.mask_hash(p_value text) returns text
  language plpgsql stable strict parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_inner bytea;
  v_outer bytea;
begin
  if session_user <> 'velocity_api' then
    raise exception 'values are masked for the API alone' using errcode = 'insufficient_privilege';
  end if;
  select inner_block, outer_block into strict v_inner, v_outer
    from platform.mask_keys
   where organisation = current_setting('velocity.organisation', true);
  return 'hmac-sha256:' || encode(sha256(v_outer || sha256(v_inner || convert_to(p_value, 'UTF8'))), 'hex');
end
$$;
alter function platform.mask_hash(text) owner to velocity_audit;
