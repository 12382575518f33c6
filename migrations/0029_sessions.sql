-- runs as: velocity_operator
-- Who is signed in by a browser. Of the session's id, which the cookie carries, only the hash is here;
-- `handle` names the session over all the ids that it has had, for the audit and for revocation.
-- `sealed` is the refresh token, AES-256-GCM with its tag under a key that the database never sees.

create table if not exists platform.sessions (
  handle           uuid        not null primary key,
  id_hash          bytea       not null unique check (octet_length(id_hash) = 32),
  -- The id before the last rotation: good for requests that were on their way.
  previous_hash    bytea       unique,
  rotated_at       timestamptz,
  organisation     text        not null,
  namespace        text        not null,
  strategy         text        not null,
  -- Of the strategy's spec: a session of other rules has ended.
  spec_hash        bytea       not null,
  issuer           text        not null,
  subject          text        not null,
  actor            text        not null,
  email            text,
  roles            text[]      not null,
  attributes       jsonb       not null,
  sealed_by        text,
  nonce            bytea,
  sealed           bytea,
  -- When claims and tokens are asked for anew; null where there is nothing to ask with.
  refresh_at       timestamptz,
  refreshing_until timestamptz,
  retry_at         timestamptz,
  created_at       timestamptz not null,
  used_at          timestamptz not null,
  expires_at       timestamptz not null,
  ended_at         timestamptz
);
create index if not exists sessions_expires_at on platform.sessions (expires_at);
grant select, insert, update, delete on platform.sessions to velocity_api;
