import type { FastifyInstance } from 'fastify';
import type { ResourceRef } from '../../contract/names.ts';
import type { Problem } from '../../errors.ts';
import { VelocityError, validationError } from '../../errors.ts';
import type { DecisionByToken } from '../../schema/judge-approval.ts';
import type { AppDeps } from '../app-deps.ts';
import { administeredSchema } from '../platform/administered-schema.ts';
import { mintApprovalToken } from '../platform/mint-approval-token.ts';
import { reasonProblem } from './reconcile-schema.ts';

/**
 * Hands a decision to the schema's workflow, which alone judges it. Throws APPROVAL_CONFLICT,
 * SELF_APPROVAL_DENIED or TEMPORAL_UNAVAILABLE.
 */
export type PlanDecider = (ref: ResourceRef, decision: DecisionByToken) => Promise<void>;

const root = '/api/platform/schema-plans/:namespace/:name';
const config = { access: 'platform' } as const;

/** The word of a person on a plan that loses something. */
export function addSchemaPlanRoutes(app: FastifyInstance, deps: AppDeps): void {
  for (const [verb, approved] of [
    ['approve', true],
    ['reject', false],
  ] as const) {
    app.post(`${root}/${verb}`, { config }, async (request) => {
      const { ref, actor } = await administeredSchema(deps, request);
      const { plan, reason } = parseDecision(request.body);
      if (deps.decidePlan === undefined) {
        throw new VelocityError('TEMPORAL_UNAVAILABLE', 'This API was started without Temporal.');
      }
      const attempt = { planHash: plan, actor, approved, ...(reason !== undefined && { reason }) };
      const { token } = await mintApprovalToken(deps.pool, {
        ...{ ref, now: deps.now, randomBytes: deps.randomBytes },
        ...attempt,
      });
      await deps.decidePlan(ref, { plan, token });
      const { namespace, name } = ref;
      return { data: { namespace, name, plan, approved, by: actor }, requestId: request.id };
    });
  }

  app.post(`${root}/approval-tokens`, { config }, async (request, reply) => {
    const { ref, actor } = await administeredSchema(deps, request);
    const { plan, reason } = parseDecision(request.body);
    const attempt = {
      planHash: plan,
      actor,
      approved: true,
      ...(reason !== undefined && { reason }),
    };
    const { token, expiresAt } = await mintApprovalToken(deps.pool, {
      ...{ ref, now: deps.now, randomBytes: deps.randomBytes },
      ...attempt,
    });
    reply.code(201);
    return { data: { token, expiresAt, plan }, requestId: request.id };
  });
}

interface Decision {
  readonly plan: string;
  readonly reason?: string;
}

function parseDecision(body: unknown): Decision {
  const given = typeof body === 'object' && body !== null && !Array.isArray(body) ? body : {};
  const { plan, reason, ...others } = given as Record<string, unknown>;
  const problems: Problem[] = Object.keys(others).map((member) => ({
    ...{ pointer: `/${member}`, rule: 'unknown', message: 'is not known here' },
    hint: 'plan, and reason where there is one',
  }));
  if (typeof plan !== 'string' || !/^[0-9a-f]{64}$/.test(plan)) {
    const message = 'is not the hash of a plan';
    const hint = 'status.plan.hash of the schema that waits';
    problems.push({ pointer: '/plan', rule: 'format', message, hint });
  }
  const unfit = reasonProblem(reason);
  if (unfit !== undefined) problems.push(unfit);
  if (problems.length > 0) throw validationError('The decision is not well formed.', problems);
  return given as Decision;
}
