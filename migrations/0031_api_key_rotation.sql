-- runs as: velocity_operator
-- Texts of keys that a rotation replaced: each counts beside its successor until `valid_until`. What a
-- key may do stays in platform.api_keys alone, so that narrowing or revoking it reaches all its texts.
create table if not exists platform.rotated_api_keys (
  key_hash     bytea       not null primary key check (octet_length(key_hash) = 32),
  namespace    text        not null,
  name         text        not null,
  -- What the caller calls this rotation: asked for again, it is not made again.
  rotation     text        not null,
  rotated_at   timestamptz not null default clock_timestamp(),
  valid_until  timestamptz not null,
  last_used_at timestamptz,
  foreign key (namespace, name) references platform.api_keys (namespace, name) on delete cascade,
  unique (namespace, name, rotation)
);
grant select, insert, update, delete on platform.rotated_api_keys to velocity_api;

create or replace trigger rotated_api_keys_notify
  after insert or delete or update of valid_until on platform.rotated_api_keys
  for each statement execute function platform.notify_registry();

-- A revoked key ends whole, whichever release revokes it; issued anew, it does not bring old texts back.
create or replace function platform.end_rotated_keys() returns trigger language plpgsql as $$
begin
  update platform.rotated_api_keys r set valid_until = clock_timestamp()
   where r.namespace = new.namespace and r.name = new.name and r.valid_until > clock_timestamp();
  return null;
end
$$;
create or replace trigger api_keys_end_rotated after update of revoked_at on platform.api_keys
  for each row when (new.revoked_at is not null) execute function platform.end_rotated_keys();

-- When a key was used is no change of what it may do: registries are not read anew for it.
create or replace trigger api_keys_notify
  after insert or delete
     or update of namespace, name, organisation, key_hash, actor, actor_type, roles, scopes, ip_allowlist, expires_at, revoked_at
  on platform.api_keys
  for each statement execute function platform.notify_registry();
