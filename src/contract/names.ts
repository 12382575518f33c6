/** Names shared by every process: workflows, task queues, channels, annotations. */

export const apiVersion = 'velocity.sh/v1';

export const taskQueues = {
  control: 'velocity-control',
  /** What changes the cluster itself: served by workers that run in one. */
  kubernetes: 'velocity-kubernetes',
} as const;

/** Workflow types; the value is the exported function's name in src/workflows. */
export const reconcilers = {
  Organisation: 'reconcileOrganisation',
  Application: 'reconcileApplication',
  Domain: 'reconcileDomain',
  AuthStrategy: 'reconcileAuthStrategy',
  SchemaDefinition: 'reconcileSchema',
  RoleBinding: 'reconcileRoleBinding',
  ApiKey: 'reconcileApiKey',
} as const;

export type ReconciledKind = keyof typeof reconcilers;

/** A resource by name: all that a workflow's payload ever carries about it. */
export interface ResourceRef {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export function reconcileWorkflowId(ref: ResourceRef): string {
  return `reconcile/${ref.kind}/${ref.namespace}/${ref.name}`;
}

/** Sent with every start; tells a running reconcile that its resource has changed meanwhile. */
export const specChangedSignal = 'specChanged';

/** Workflows that somebody asks for, by the name that requests call them. */
export const requestedWorkflows = {
  migrateVersion: 'migrate-version',
  reconcileSchema: 'reconcile/SchemaDefinition',
} as const;

export type RequestedWorkflow = keyof typeof requestedWorkflows;

export function requestedWorkflowId(workflow: RequestedWorkflow, ref: ResourceRef): string {
  return `${requestedWorkflows[workflow]}/${ref.namespace}/${ref.name}`;
}

/** Sent with every start that somebody asked for. */
export const workflowRequestedSignal = 'requested';

/** How a workflow that runs is told that it is asked for again. */
export function requestedSignal(workflow: RequestedWorkflow): string {
  return workflow === 'reconcileSchema' ? specChangedSignal : workflowRequestedSignal;
}

/**
 * Postgres NOTIFY channels. Resources: payload `kind/namespace/name`. Outbox: `namespace.table`.
 * Registry, requests for workflows and revocations: no payload.
 */
export const channels = {
  resources: 'velocity_resources',
  registry: 'velocity_registry',
  outbox: 'velocity_outbox',
  workflowRequests: 'velocity_workflow_requests',
  revocations: 'velocity_revocations',
} as const;

/** Holds a resource until what it created is gone. */
export const finalizer = 'velocity.sh/provisioned';

/** Deletes a schema although it holds records; the value is the schema's own name. */
export const confirmDeleteAnnotation = 'velocity.sh/confirm-delete';

/** Approves the breaking plan whose hash is the value, where nobody else has to. */
export const approveBreakingAnnotation = 'velocity.sh/approve-breaking';

/**
 * In a cluster: who asked for the spec as it is now, as `ACTOR@GENERATION`, stamped by whoever lets
 * the change in. Of another generation it says nothing.
 */
export const requestedByAnnotation = 'velocity.sh/requested-by';

/** In a cluster: who set the annotation that approves, as `ACTOR@PLAN`, stamped likewise. */
export const approvedByAnnotation = 'velocity.sh/approved-by';

/** Drops the version of a schema that is the value, with its records and history. */
export const dropVersionAnnotation = 'velocity.sh/drop-version';

/** Update and signal by which a waiting schema workflow hears the decision on its plan. */
export const decidePlanUpdate = 'decidePlan';
export const decidePlanSignal = 'decidePlanByToken';

/** The organisation that only the platform itself may use, and the role only the bootstrap key holds. */
export const platformOrganisation = 'platform';
export const platformAdminRole = 'platform-admin';

export const systemColumns = [
  'id',
  'version',
  'created_at',
  'created_by',
  'updated_at',
  'updated_by',
  'deleted_at',
  'archived_at',
  'archive_ref',
] as const;
