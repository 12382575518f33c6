import type { FastifyRequest } from 'fastify';
import type { AccessQuestion } from '../../auth/access.ts';
import { findAccess, rowFilterRules } from '../../auth/access.ts';
import { explainRoles } from '../../auth/explain-roles.ts';
import {
  fieldReasons,
  policyReason,
  referenceReasons,
  rowFilterReason,
} from '../../auth/explain-rules.ts';
import type { Sight } from '../../auth/sight.ts';
import { sightOf } from '../../auth/sight.ts';
import type { AccessLayer, RuleReason, ShortExplanation } from '../../contract/explanation.ts';
import { accessLayers } from '../../contract/explanation.ts';
import type { Operation } from '../../contract/kinds.ts';
import type { ErrorCode } from '../../errors.ts';
import { VelocityError } from '../../errors.ts';
import type { RequestContext } from '../../records/request-context.ts';
import { findReadAccess } from '../../records/request-context.ts';
import type { CompiledSchema } from '../../schema/compile.ts';
import { explainRights } from './explain-access.ts';

/** Rules told in a problem; the route tells all of them. */
const rulesMax = 10;

const layerOf: Partial<Record<ErrorCode, AccessLayer>> = {
  RBAC_DENIED: 'rbac',
  AUTH_INSUFFICIENT_SCOPES: 'rbac',
  POLICY_DENIED: 'policies',
  CROSS_SCHEMA_ACCESS_DENIED: 'cross-schema',
  FIELD_ACCESS_DENIED: 'fields',
  RLS_POLICY_DENIED: 'rls',
};

/**
 * The denial with `details.explain`, where its caller is one who may have the domain's decisions
 * explained: the admin role or the diagnostics role. Nobody else's answer differs by a byte.
 */
export function withExplanation(
  error: VelocityError,
  request: Pick<FastifyRequest, 'identity' | 'params' | 'method' | 'url'>,
  ctx: RequestContext,
): VelocityError {
  const { snapshot } = ctx;
  const nowMs = ctx.deps.now();
  const name = layerOf[error.code];
  const { org, app, domain, object, version } = request.params as Record<string, string>;
  const schema = snapshot.schemas.get(`${org}/${app}/${domain}/${object}/${version}`);
  const { identity } = request;
  if (name === undefined || schema === undefined || identity === null) return error;
  const rights = explainRights(identity, { snapshot, nowMs, namespace: schema.namespace });
  if (!rights.diagnoses) return error;
  const operation = operationOf(error, request, schema);
  const sight = sightOf(findReadAccess(ctx, schema), rights.administers);
  const question = { identity, snapshot, nowMs, schema };
  const rules = operation && rulesOf(error, { ...question, operation }, sight);
  const explain: ShortExplanation = {
    ...{ layer: accessLayers.indexOf(name) + 1, name },
    rules: (rules ?? []).filter(({ effect }) => effect !== 'allow').slice(0, rulesMax),
  };
  return new VelocityError(error.code, error.message, {
    details: { ...error.details, explain },
    cause: error,
    ...(error.hint !== undefined && { hint: error.hint }),
    ...(error.headers !== undefined && { headers: error.headers }),
  });
}

type RecordOperation = Exclude<Operation, '*'>;

/** What the request was; undefined for a bulk, which is several. */
function operationOf(
  error: VelocityError,
  { method, url }: Pick<FastifyRequest, 'method' | 'url'>,
  schema: CompiledSchema,
): RecordOperation | undefined {
  const { operation, schema: path } = error.details ?? {};
  if (operation !== undefined && path === schema.path) return operation as RecordOperation;
  if (method === 'GET' || /\/query(\?|$)/.test(url)) return 'read';
  if (method === 'PATCH' || method === 'PUT') return 'update';
  if (method === 'DELETE') return 'delete';
  return method === 'POST' && !/\/bulk(\?|$)/.test(url) ? 'create' : undefined;
}

function rulesOf(
  { code, details, message }: VelocityError,
  question: AccessQuestion,
  sight: Sight,
): readonly RuleReason[] {
  const { identity, schema, snapshot } = question;
  if (layerOf[code] === 'rbac') {
    return explainRoles(question, snapshot.keys.get(identity.credential.id)).rules;
  }
  if (code === 'POLICY_DENIED') return [policyReason(schema, String(details?.['policy']), message)];
  const access = findAccess(question);
  if (access === undefined) return [];
  const explained = { schema, access, sight, isSelf: true };
  if (code === 'RLS_POLICY_DENIED') {
    // The row is not known any more: these are the filters that it had to pass, of one role all.
    return (rowFilterRules(schema, access.grants) ?? []).map((rule) => ({
      ...rowFilterReason(explained, rule),
      effect: 'none',
    }));
  }
  if (code === 'CROSS_SCHEMA_ACCESS_DENIED') return referenceReasons(explained, question);
  const named = (details?.['fields'] ?? []) as readonly string[];
  const wanted = new Set(named.map((field) => `field ${field}`));
  return fieldReasons(explained, true).filter(({ rule }) => wanted.has(rule));
}
