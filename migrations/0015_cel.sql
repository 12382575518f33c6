-- runs as: superuser
-- What CEL expressions compile to where a plain operator would raise an error: these answer NULL, so
-- that an expression in a constraint, an index or a migration never fails and means in Postgres what
-- it means in the API (src/cel/functions says the same in TypeScript). All are immutable: times are
-- read and written with their zone, whatever the session's settings are.

-- Integers: NULL where the result has no 64 bits.
create or replace function platform.cel_int(a numeric) returns bigint
  language plpgsql immutable strict parallel safe
as $$
begin
  return case when trunc(a) between -9223372036854775808 and 9223372036854775807 then trunc(a)::bigint end;
end
$$;

create or replace function platform.cel_add(a bigint, b bigint) returns bigint
  language plpgsql immutable strict parallel safe
as $$ begin return platform.cel_int(a::numeric + b); end $$;

create or replace function platform.cel_subtract(a bigint, b bigint) returns bigint
  language plpgsql immutable strict parallel safe
as $$ begin return platform.cel_int(a::numeric - b); end $$;

create or replace function platform.cel_multiply(a bigint, b bigint) returns bigint
  language plpgsql immutable strict parallel safe
as $$ begin return platform.cel_int(a::numeric * b); end $$;

create or replace function platform.cel_divide(a bigint, b bigint) returns bigint
  language plpgsql immutable strict parallel safe
as $$
begin
  return case when b = 0 then null when b = -1 then platform.cel_int(-a::numeric) else a / b end;
end
$$;

create or replace function platform.cel_modulo(a bigint, b bigint) returns bigint
  language plpgsql immutable strict parallel safe
as $$ begin return case when b = 0 then null when b = -1 then 0 else a % b end; end $$;

-- Doubles: between 1e-150 and 1e150, and with 0, no result can leave their range.
create or replace function platform.cel_is_calm(a double precision, b double precision) returns boolean
  language plpgsql immutable strict parallel safe
as $$
begin
  return (a = 0 or abs(a) between 1e-150 and 1e150) and (b = 0 or abs(b) between 1e-150 and 1e150);
end
$$;

create or replace function platform.cel_add(a double precision, b double precision) returns double precision
  language plpgsql immutable strict parallel safe
as $$ begin return case when platform.cel_is_calm(a, b) then a + b end; end $$;

create or replace function platform.cel_subtract(a double precision, b double precision) returns double precision
  language plpgsql immutable strict parallel safe
as $$ begin return case when platform.cel_is_calm(a, b) then a - b end; end $$;

create or replace function platform.cel_multiply(a double precision, b double precision) returns double precision
  language plpgsql immutable strict parallel safe
as $$ begin return case when platform.cel_is_calm(a, b) then a * b end; end $$;

create or replace function platform.cel_divide(a double precision, b double precision) returns double precision
  language plpgsql immutable strict parallel safe
as $$ begin return case when b <> 0 and platform.cel_is_calm(a, b) then a / b end; end $$;

-- Decimals: at most 1,000 digits before and behind the point, and never rounded.
create or replace function platform.cel_bounded(a numeric) returns numeric
  language plpgsql immutable strict parallel safe
as $$ begin return case when abs(a) < 1e1000 and min_scale(a) <= 1000 then a end; end $$;

create or replace function platform.cel_add(a numeric, b numeric) returns numeric
  language plpgsql immutable strict parallel safe
as $$ begin return platform.cel_bounded(a + b); end $$;

create or replace function platform.cel_subtract(a numeric, b numeric) returns numeric
  language plpgsql immutable strict parallel safe
as $$ begin return platform.cel_bounded(a - b); end $$;

create or replace function platform.cel_multiply(a numeric, b numeric) returns numeric
  language plpgsql immutable strict parallel safe
as $$ begin return platform.cel_bounded(a * b); end $$;

-- Times: between the years 1 and 9999. A duration is a number of microseconds.
create or replace function platform.cel_subtract(a timestamptz, b timestamptz) returns bigint
  language plpgsql immutable strict parallel safe
as $$
begin
  return ((extract(epoch from a at time zone 'UTC') - extract(epoch from b at time zone 'UTC')) * 1000000)::bigint;
end
$$;

create or replace function platform.cel_add(a timestamptz, b bigint) returns timestamptz
  language plpgsql immutable strict parallel safe
as $$
declare
  v_micros constant numeric := extract(epoch from a at time zone 'UTC') * 1000000 + b;
begin
  -- Asked before the addition, which fails where nothing fits.
  if v_micros < -62135596800000000 or v_micros > 253402300799999999 then
    return null;
  end if;
  return (timestamp '1970-01-01' + make_interval(days => div(v_micros, 86400000000)::integer)
          + (v_micros % 86400000000)::bigint * interval '1 microsecond') at time zone 'UTC';
end
$$;

-- Lists: the operator of Postgres takes a NULL for an empty list.
create or replace function platform.cel_add(a anyarray, b anyarray) returns anyarray
  language plpgsql immutable strict parallel safe
as $$ begin return a || b; end $$;

-- Conversions: NULL for what does not convert.
create or replace function platform.cel_int(a double precision) returns bigint
  language plpgsql immutable strict parallel safe
as $$
begin
  return case when a >= -9223372036854775808::double precision and a < 9223372036854775808::double precision
              then trunc(a)::bigint end;
end
$$;

create or replace function platform.cel_int(a text) returns bigint
  language plpgsql immutable strict parallel safe
as $$ begin return case when a ~ '^-?[0-9]{1,19}$' then platform.cel_int(a::numeric) end; end $$;

create or replace function platform.cel_int(a timestamptz) returns bigint
  language plpgsql immutable strict parallel safe
as $$ begin return floor(extract(epoch from a at time zone 'UTC'))::bigint; end $$;

create or replace function platform.cel_double(a numeric) returns double precision
  language plpgsql immutable strict parallel safe
as $$ begin return case when a = 0 or abs(a) between 1e-300 and 1e300 then a::double precision end; end $$;

create or replace function platform.cel_decimal(a text) returns numeric
  language plpgsql immutable strict parallel safe
as $$
begin
  -- Postgres repeats an expression at most 255 times.
  return case when a ~ '^-?[0-9]+(\.[0-9]+)?$' and length(split_part(ltrim(a, '-'), '.', 1)) <= 400
               and length(split_part(a, '.', 2)) <= 400 then a::numeric end;
end
$$;

-- A double as the number that it is written as; beyond 2^53, where digits stand for a whole range of
-- doubles, as the integer that it is: halves of it are exact until it is small enough to be one.
create or replace function platform.cel_decimal(a double precision) returns numeric
  language plpgsql immutable strict parallel safe
as $$
declare
  v_rest  double precision := a;
  v_power numeric := 1;
begin
  if abs(a) < 9007199254740992::double precision then
    return a::text::numeric;
  elsif a in ('NaN', 'Infinity', '-Infinity') then
    return null;
  end if;
  while abs(v_rest) >= 18014398509481984::double precision loop
    v_rest := v_rest / 2;
    v_power := v_power * 2;
  end loop;
  return v_rest::bigint * v_power;
end
$$;

create or replace function platform.cel_double(a text) returns double precision
  language plpgsql immutable strict parallel safe
as $$ begin return platform.cel_double(platform.cel_decimal(a)); end $$;

create or replace function platform.cel_string(a timestamptz) returns text
  language plpgsql immutable strict parallel safe
as $$
begin
  return regexp_replace(to_char(a at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '\.?0*$', '') || 'Z';
end
$$;

create or replace function platform.cel_timestamp(a text) returns timestamptz
  language plpgsql immutable strict parallel safe
as $$
declare
  v_result timestamptz;
begin
  if a !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$'
     or not pg_input_is_valid(a, 'timestamptz') then
    return null;
  end if;
  v_result := a::timestamptz;
  return case when v_result at time zone 'UTC' >= '0001-01-01' and v_result at time zone 'UTC' < '10000-01-01' then v_result end;
end
$$;
