-- runs as: superuser
-- What the operator runs over whole tables (index builds, verifications, backfills) takes one core and
-- leaves the others to requests, and writes less into the log that every commit waits for. Who would
-- rather have an index soon sets it back: ALTER ROLE velocity_operator SET max_parallel_maintenance_workers = 2.
alter role velocity_operator set max_parallel_maintenance_workers = 0;
alter role velocity_operator set max_parallel_workers_per_gather = 0;
alter role velocity_operator set jit = off;
do $$
begin
  alter role velocity_operator set wal_compression = 'on';
exception when insufficient_privilege then
  raise notice 'velocity_operator may not set wal_compression: an index build may keep writes waiting';
end
$$;
