-- runs as: superuser
-- DDL that waits for autovacuum makes everyone behind it wait too. Postgres cancels an autovacuum that
-- is in somebody's way once that one has waited for deadlock_timeout, a second as a rule, which is longer
-- than DDL waits here at all. The operator may lower it for its own transactions (src/activities/run-ddl.ts);
-- where nobody may grant that, DDL steps back and tries again.
do $$
begin
  if not has_parameter_privilege('velocity_operator', 'deadlock_timeout', 'SET') then
    grant set on parameter deadlock_timeout to velocity_operator;
  end if;
exception when insufficient_privilege then
  raise notice 'velocity_operator may not set deadlock_timeout: a change of a schema may wait for autovacuum';
end
$$;
