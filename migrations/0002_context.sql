-- runs as: superuser
-- What a statement knows about the request it belongs to. The API sets these transaction-local
-- settings; whoever writes without them (psql, a backfill) is named by the session's login role.
-- A transaction-local setting that has ended reads as '' and not as NULL, hence nullif throughout.

create or replace function platform.setting(p_name text) returns text
  language sql stable parallel safe
  return nullif(current_setting('velocity.' || p_name, true), '');

create or replace function platform.actor() returns text
  language sql stable parallel safe
  return coalesce(nullif(current_setting('velocity.actor', true), ''), session_user::text);

-- One instant for a whole transaction, taken at its first write.
create or replace function platform.occurred_at() returns timestamptz
  language plpgsql volatile
as $$
declare
  v_known text := current_setting('velocity.occurred_at', true);
  v_now   timestamptz;
begin
  if v_known <> '' then
    return v_known::timestamptz;
  end if;
  v_now := clock_timestamp();
  perform set_config('velocity.occurred_at', v_now::text, true);
  return v_now;
end
$$;

-- A UUID of version 7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then random bits.
-- PostgreSQL has uuidv7() from 18 on; we support 16.
create or replace function platform.new_id() returns uuid
  language sql volatile
  return encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
              placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
              from 1 for 6),
      52, 1), 53, 1),
    'hex')::uuid;

-- Row filters. `velocity.grants` is JSON {path: [{role, attributes}]}: for each schema that a statement
-- touches, the grants that allow the operation there.
create or replace function platform.grants(p_path text) returns jsonb
  language sql stable parallel safe
  return coalesce(nullif(current_setting('velocity.grants', true), '')::jsonb -> p_path, '[]');

create or replace function platform.in_organisation(p_organisation text) returns boolean
  language sql stable parallel safe
  return coalesce(current_setting('velocity.organisation', true) = p_organisation, false);

-- True when some grant's role has no row filter: its holder sees every row.
create or replace function platform.sees_all(p_path text, p_filtered_roles text[]) returns boolean
  language sql stable parallel safe
  return exists (
    select from jsonb_array_elements(platform.grants(p_path)) as g
     where not (g ->> 'role' = any (p_filtered_roles)));

create or replace function platform.holds_role(p_path text, p_role text) returns boolean
  language sql stable parallel safe
  return exists (
    select from jsonb_array_elements(platform.grants(p_path)) as g
     where g ->> 'role' = p_role);

-- The values of an attribute over all grants of a role; a list counts as its members.
create or replace function platform.attribute_values(p_path text, p_role text, p_attribute text) returns text[]
  language sql stable parallel safe
  return (
    select coalesce(array_agg(v.value), '{}')
      from jsonb_array_elements(platform.grants(p_path)) as g
     cross join lateral (select g -> 'attributes' -> p_attribute as attribute) as a
     cross join lateral jsonb_array_elements_text(
             case jsonb_typeof(a.attribute)
               when 'array' then a.attribute
               when 'null' then '[]'::jsonb
               else coalesce(jsonb_build_array(a.attribute), '[]'::jsonb)
             end) as v (value)
     where g ->> 'role' = p_role and a.attribute is not null);

-- A refusal decided inside a statement: COMMIT is already on its way, so only SQL can still say no.
-- The result type is that of the last argument, so that it fits wherever a value would stand.
create or replace function platform.refuse(p_code text, p_field text, p_like anyelement) returns anyelement
  language plpgsql volatile
as $$
begin
  raise exception 'refused: %', p_field using errcode = p_code, column = p_field;
end
$$;

-- Great-circle distance in kilometres on a sphere of the Earth's mean radius (haversine formula);
-- points are (longitude, latitude) in degrees.
create or replace function platform.distance_km(p_a point, p_b point) returns double precision
  language sql immutable parallel safe strict
  return 2 * 6371.0088 * asin(least(1, sqrt(
      power(sin(radians(p_b[1] - p_a[1]) / 2), 2)
    + cos(radians(p_a[1])) * cos(radians(p_b[1])) * power(sin(radians(p_b[0] - p_a[0]) / 2), 2))));
