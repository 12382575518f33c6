export { detectDrift } from './detect-drift.ts';
export { maintainPartitions } from './maintain-partitions.ts';
export { reconcileApiKey } from './reconcile-api-key.ts';
export { reconcileApplication } from './reconcile-application.ts';
export { reconcileDomain } from './reconcile-domain.ts';
export { reconcileOrganisation } from './reconcile-organisation.ts';
export { reconcileRoleBinding } from './reconcile-role-binding.ts';
export { reconcileSchema } from './reconcile-schema.ts';
