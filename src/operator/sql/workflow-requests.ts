import type { RequestedWorkflow, ResourceRef } from '../../contract/names.ts';
import type { Transaction } from '../../store/pool.ts';

export interface WorkflowRequest {
  readonly id: number;
  readonly workflow: RequestedWorkflow;
  readonly ref: ResourceRef;
}

interface RequestRow extends ResourceRef {
  readonly id: number;
  readonly workflow: RequestedWorkflow;
}

/** The oldest requests that nobody starts at the moment, until the transaction ends. */
export async function takeRequests(tx: Transaction, limit: number): Promise<WorkflowRequest[]> {
  const { rows } = await tx.query<RequestRow>({
    name: 'operator.take-requests',
    text: `
      select id, workflow, kind, namespace, name
        from platform.workflow_requests
       where started_at is null
       order by id limit $1::integer
         for update skip locked`,
    values: [limit],
  });
  return rows.map(({ id, workflow, ...ref }) => ({ id, workflow, ref }));
}

export async function markStarted(tx: Transaction, ids: readonly number[]): Promise<void> {
  await tx.query({
    name: 'operator.mark-started',
    text: `
      update platform.workflow_requests set started_at = clock_timestamp()
       where id = any ($1::bigint[])`,
    values: [ids],
  });
}

/** Long enough to look up what was asked for. */
const keptFor = '30 days';
const sweptMax = 1_000;

export async function sweepRequests(tx: Transaction): Promise<void> {
  await tx.query({
    name: 'operator.sweep-requests',
    text: `
      delete from platform.workflow_requests
       where id in (select id from platform.workflow_requests
                     where started_at < clock_timestamp() - interval '${keptFor}'
                     order by started_at limit ${sweptMax})`,
  });
}

/**
 * Asks again for migrations that nothing has been heard of for a while: should Temporal have lost
 * them, they go on; a workflow that runs is not disturbed by it.
 */
export async function requestSilentMigrations(tx: Transaction): Promise<void> {
  await tx.query({
    name: 'operator.request-silent-migrations',
    text: `
      insert into platform.workflow_requests (workflow, kind, namespace, name, requested_by)
      select 'migrateVersion', 'SchemaDefinition', m.namespace, m.name, m.requested_by
        from platform.version_migrations m
       where m.state in ('requested', 'copying', 'inStep', 'undoing')
         and m.changed_at < clock_timestamp() - interval '1 minute'
         and not exists (select from platform.workflow_requests r
                          where r.workflow = 'migrateVersion' and r.namespace = m.namespace and r.name = m.name
                            and r.requested_at > clock_timestamp() - interval '5 minutes')
       order by m.requested_at limit ${sweptMax}`,
  });
}
