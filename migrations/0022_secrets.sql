-- runs as: velocity_operator
-- What manifests only refer to: client secrets of OIDC. Where resources live in a cluster, its Secrets
-- hold these instead. `sealed` is AES-256-GCM with its tag under a key that the database never sees.

create table if not exists platform.secrets (
  namespace  text        not null,
  name       text        not null,
  key        text        not null,
  sealed_by  text        not null,
  nonce      bytea       not null,
  sealed     bytea       not null,
  changed_at timestamptz not null default clock_timestamp(),
  primary key (namespace, name, key)
);
grant select, insert, update on platform.secrets to velocity_api;
