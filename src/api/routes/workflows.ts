import type { FastifyInstance } from 'fastify';
import { VelocityError } from '../../errors.ts';
import type { AppDeps } from '../app-deps.ts';
import { decidePlatformAccess } from '../platform/platform-access.ts';
import { identityOf } from '../plugins/authentication.ts';

export interface WorkflowView {
  readonly workflowId: string;
  readonly workflow: string;
  readonly status: string;
  readonly startedAt: string;
  readonly closedAt?: string;
}

/** The latest workflows, newest first; throws TEMPORAL_UNAVAILABLE when the engine does not answer. */
export type WorkflowList = (limit: number) => Promise<readonly WorkflowView[]>;

const listedMax = 100;

/** What the platform is doing. The API serves without a workflow engine, so this one may be missing. */
export function addWorkflowRoute(app: FastifyInstance, deps: AppDeps): void {
  app.get('/api/platform/workflows', { config: { access: 'platform' } }, async (request) => {
    const access = decidePlatformAccess(identityOf(request), deps.registry.snapshot(), deps.now());
    // Workflow ids name every organisation's resources.
    if (!access.everything) {
      throw new VelocityError('RBAC_DENIED', 'Workflows are for the platform’s administrator.');
    }
    if (deps.workflows === undefined) {
      throw new VelocityError('TEMPORAL_UNAVAILABLE', 'This API was started without Temporal.', {
        hint: 'temporal workflow list shows the same.',
      });
    }
    return { data: await deps.workflows(listedMax), requestId: request.id };
  });
}
