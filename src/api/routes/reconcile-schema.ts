import type { FastifyInstance } from 'fastify';
import type { SchemaDefinition } from '../../contract/kinds.ts';
import type { ResourceRef } from '../../contract/names.ts';
import type { Problem } from '../../errors.ts';
import { VelocityError, validationError } from '../../errors.ts';
import { findDrift } from '../../resources/drift/find-drift.ts';
import { gatherRepairs } from '../../resources/drift/gather-repair.ts';
import { requestReconcile, requestRepair } from '../../resources/drift/repair-requests.ts';
import { adoptDrift } from '../../schema/adopt-drift.ts';
import { recordTableName } from '../../schema/compile.ts';
import { worstOf } from '../../schema/plan-step.ts';
import type { AppDeps } from '../app-deps.ts';
import { administeredSchema } from '../platform/administered-schema.ts';
import { describePlans } from '../platform/describe-plans.ts';

const config = { access: 'platform' } as const;
const reasonLengthMax = 1_000;

interface Subject {
  readonly ref: ResourceRef;
  readonly actor: string;
}

/** Looks at a schema now, and settles what differs: back to the schema, or the schema to it. */
export function addReconcileRoute(app: FastifyInstance, deps: AppDeps): void {
  const url = '/api/platform/schemas/:namespace/:name/reconcile';
  app.post(url, { config }, async (request) => {
    const subject = await administeredSchema(deps, request);
    const wanted = parseWanted(request.body);
    const data = await settle(deps, subject, wanted);
    const { namespace, name } = subject.ref;
    return { data: { namespace, name, ...data }, requestId: request.id };
  });
}

async function settle(deps: AppDeps, subject: Subject, wanted: Wanted): Promise<object> {
  if (wanted.mode === 'repair') return repair(deps, subject, wanted);
  if (wanted.mode === 'adopt') return adopt(deps, subject, wanted);
  await requestReconcile(deps.pool, subject.ref, subject.actor);
  return { asked: true };
}

/** The worker compares and plans afresh; what is answered here is the plan for what was found last. */
async function repair(deps: AppDeps, { ref, actor }: Subject, { reason, dryRun }: Wanted) {
  const found = await findDrift(deps.pool, ref);
  const plans = await gatherRepairs(deps.pool, ref, found);
  const planned = {
    class: worstOf(plans),
    steps: plans.flatMap(({ steps }) =>
      steps.map((step) => ({
        summary: step.name,
        class: step.class,
        lock: step.lock,
        sql: step.sql,
      })),
    ),
    refused: plans.flatMap(({ refused }) => refused),
    comparedAt: found[0]?.checkedAt ?? null,
  };
  if (dryRun) return { asked: false, ...planned };
  const { generation = 1 } = (await schemaOf(deps, ref)).metadata;
  const requested = await deps.pool.transaction(async (tx) => {
    const kept = await requestRepair(tx, ref, { requestedBy: actor, reason, generation });
    if (kept) await requestReconcile(tx, ref, actor);
    return kept;
  });
  if (!requested) {
    const hint = 'See its status; a plan that waits is approved or rejected.';
    throw new VelocityError('APPROVAL_CONFLICT', 'A repair of this schema is under way.', { hint });
  }
  return { asked: true, ...planned };
}

/** The schema says from now on what the catalogue has: an ordinary change, with its plan and approval. */
async function adopt(deps: AppDeps, { ref, actor }: Subject, { reason, dryRun }: Wanted) {
  const schema = await schemaOf(deps, ref);
  const { version } = schema.spec;
  const found = (await findDrift(deps.pool, ref)).find((one) => one.version === version);
  if (found === undefined) {
    const message = 'Nothing is known yet of how this schema differs.';
    throw new VelocityError('APPROVAL_CONFLICT', message, {
      hint: 'Run velocity reconcile on it, and try again.',
    });
  }
  const { spec, adopted, refused } = adoptDrift(
    schema.spec,
    recordTableName(ref.name, version),
    found.items,
  );
  if (adopted.length === 0) return { asked: false, adopted, refused };
  const { apiVersion, kind, metadata } = schema;
  const { name, namespace, labels, annotations, resourceVersion } = metadata;
  const manifest = {
    ...{ apiVersion, kind, spec },
    metadata: { name, namespace, ...(labels && { labels }), ...(annotations && { annotations }) },
  };
  // The whole spec is written: whatever somebody has changed since it was read would be lost.
  const asRead = { ...manifest.metadata, ...(resourceVersion && { resourceVersion }) };
  const wanted = { ...manifest, metadata: asRead };
  const results = await deps.resources.apply([wanted], { dryRun, actor });
  const [planned] = dryRun ? await describePlans(deps.pool, results) : [];
  if (!dryRun) await keepAdoption(deps, { ref, actor }, adopted, reason);
  return { asked: !dryRun, adopted, refused, manifest, ...(planned && { plan: planned.plan }) };
}

async function keepAdoption(
  { pool }: AppDeps,
  { ref: { namespace, name }, actor }: Subject,
  adopted: readonly string[],
  reason: string | undefined,
): Promise<void> {
  await pool.transaction(async (tx) => {
    await tx.query({
      text: `select set_config('velocity.actor', $1::text, true), set_config('velocity.reason', $2::text, true)`,
      values: [actor, reason ?? ''],
    });
    await tx.query({
      name: 'api.audit-adoption',
      text: `
        select platform.audit_event(d.organisation, null, null, 'adopt-drift', 'ok', null, $2::jsonb)
          from platform.domains d where d.namespace = $1::text`,
      values: [namespace, JSON.stringify({ schema: `${namespace}/${name}`, adopted })],
    });
  });
}

async function schemaOf({ resources }: AppDeps, ref: ResourceRef): Promise<SchemaDefinition> {
  const { namespace, name } = ref;
  const found = await resources.find({ kind: 'SchemaDefinition', namespace, name });
  if (found?.kind !== 'SchemaDefinition') {
    throw new VelocityError('ENTITY_NOT_FOUND', `There is no SchemaDefinition ${name}.`);
  }
  return found;
}

interface Wanted {
  readonly mode: 'repair' | 'adopt' | undefined;
  readonly reason: string | undefined;
  readonly dryRun: boolean;
}

function parseWanted(body: unknown): Wanted {
  const given = typeof body === 'object' && body !== null ? body : {};
  const { mode, reason, dryRun = false, ...others } = given as Record<string, unknown>;
  const problems: Problem[] = Object.keys(others).map((member) => ({
    ...{ pointer: `/${member}`, rule: 'unknown', message: 'is not known here' },
    hint: 'mode, reason and dryRun',
  }));
  if (mode !== undefined && mode !== 'repair' && mode !== 'adopt') {
    const message = 'is neither repair nor adopt';
    problems.push({ pointer: '/mode', rule: 'enum', message, hint: 'leave it out to look only' });
  }
  if (typeof dryRun !== 'boolean') {
    problems.push({ pointer: '/dryRun', rule: 'type', message: 'is not true or false' });
  }
  const problem = reasonProblem(reason);
  if (problem !== undefined) problems.push(problem);
  if (problems.length > 0) throw validationError('The request is not well formed.', problems);
  return { mode, reason, dryRun } as Wanted;
}

/** Why somebody does something: kept in the audit, so of a length that fits there. */
export function reasonProblem(reason: unknown): Problem | undefined {
  if (reason === undefined) return undefined;
  if (typeof reason === 'string' && reason.length <= reasonLengthMax) return undefined;
  const message = `is not a text of at most ${reasonLengthMax} characters`;
  return { pointer: '/reason', rule: 'type', message };
}
