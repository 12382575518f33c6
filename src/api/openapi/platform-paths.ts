import { kinds } from '../../contract/kinds.ts';
import type { JsonSchema } from '../../schema/json-schema.ts';
import { explainedOperations } from '../platform/parse-explain-request.ts';

const text = { type: 'string' };
const problem = { $ref: '#/components/responses/Problem' };

/** The platform's own routes; those that administer are shown to administrators only. */
export function platformPaths(administers: boolean): Record<string, JsonSchema> {
  return { ...open, ...signIn, ...(administers ? administration : {}) };
}

function operation(id: string, summary: string, rest: Record<string, unknown> = {}): JsonSchema {
  const { responses = { 200: json('Done.') }, ...others } = rest;
  return {
    operationId: `platform.${id}`,
    tags: ['Platform'],
    summary,
    ...others,
    responses: { ...(responses as object), default: problem },
  };
}

function json(description: string): JsonSchema {
  return { description, content: { 'application/json': { schema: { type: 'object' } } } };
}

function body(schema: JsonSchema): JsonSchema {
  return { required: true, content: { 'application/json': { schema } } };
}

function optionalBody(schema: JsonSchema): JsonSchema {
  return { ...body(schema), required: false };
}

function path(name: string, schema: JsonSchema = text): JsonSchema {
  return { name, in: 'path', required: true, schema };
}

const planBody = {
  type: 'object',
  required: ['plan'],
  properties: { plan: text, reason: text },
  additionalProperties: false,
};
const reconcileBody = {
  type: 'object',
  properties: {
    mode: { type: 'string', enum: ['repair', 'adopt'] },
    reason: text,
    dryRun: { type: 'boolean', default: false },
  },
  additionalProperties: false,
};
const reasonBody = {
  type: 'object',
  properties: { reason: text },
  additionalProperties: false,
};
const dryRun = { name: 'dryRun', in: 'query', schema: { type: 'boolean', default: false } };
const namespaceParam = { name: 'namespace', in: 'query', schema: text };
const organisationParam = { name: 'organisation', in: 'query', schema: text };
const kindParam = path('kind', { type: 'string', examples: kinds.map(({ singular }) => singular) });

const explainBody = {
  type: 'object',
  required: ['operation', 'schema'],
  properties: {
    self: { const: true, description: 'The caller, as without actor.' },
    actor: { ...text, description: 'Another actor; for administrators and the diagnostics role.' },
    key: { ...text, description: 'An ApiKey of the domain, whose scopes count too.' },
    roles: { type: 'array', items: text, description: 'What the token of the actor would carry.' },
    attributes: { type: 'object', description: 'Likewise.' },
    operation: { type: 'string', enum: explainedOperations },
    schema: { ...text, description: 'org/app/domain/object/version' },
    id: { type: 'string', format: 'uuid' },
    record: { type: 'object', description: 'A new record, or changes of the record id.' },
    include: { type: 'array', items: text },
  },
  additionalProperties: false,
};

const open: Record<string, JsonSchema> = {
  '/api': { get: operation('schemas', 'Schemas that you may see') },
  '/api/platform/explain': {
    post: operation('explain', 'Which rule of which layer allows or denies an operation', {
      requestBody: body(explainBody),
    }),
  },
  '/version': { get: { ...operation('version', 'Version of this server'), security: [] } },
  '/healthz': { get: { ...operation('healthz', 'Whether the process lives'), security: [] } },
  '/readyz': {
    get: {
      ...operation('readyz', 'Whether it should get requests', {
        responses: { 200: json('Ready.'), 503: json('Not ready, and why.') },
      }),
      security: [],
    },
  },
};

const signIn: Record<string, JsonSchema> = {
  '/auth/me': {
    get: operation(
      'me',
      'Who you are, with which roles, until when; with a session also its csrfToken',
    ),
  },
  '/auth/logout': {
    post: operation('logout', 'End the session of this browser', {
      parameters: [{ name: 'X-CSRF-Token', in: 'header', schema: text }],
      responses: { 200: json('Ended; `logoutUrl` ends the one at the provider, too.') },
    }),
  },
};

const administration: Record<string, JsonSchema> = {
  '/api/platform/objects': {
    post: operation('apply', 'Apply a set of resources, all or none', {
      parameters: [dryRun],
      requestBody: body({
        type: 'object',
        required: ['items'],
        properties: { items: { type: 'array', items: { type: 'object' } } },
      }),
    }),
  },
  '/api/platform/objects/{kind}': {
    get: operation('listResources', 'List resources of a kind', {
      parameters: [kindParam, namespaceParam],
    }),
  },
  '/api/platform/objects/{kind}/{namespace}': {
    get: operation('listNamespace', 'List resources of a kind in a namespace', {
      parameters: [kindParam, path('namespace')],
    }),
  },
  '/api/platform/objects/{kind}/{namespace}/{name}': {
    parameters: [kindParam, path('namespace'), path('name')],
    get: operation('getResource', 'Get a resource'),
    put: operation('putResource', 'Apply a resource', {
      parameters: [dryRun],
      requestBody: body({ type: 'object' }),
    }),
    delete: operation('deleteResource', 'Delete a resource', { parameters: [dryRun] }),
  },
  '/api/platform/api-keys': {
    post: operation('issueApiKey', 'Issue an API key; its text is shown once', {
      requestBody: body({ type: 'object', required: ['name', 'namespace', 'actor', 'actorType'] }),
      responses: { 201: json('The key.') },
    }),
  },
  '/api/platform/api-keys/{namespace}/{name}': {
    delete: operation('revokeApiKey', 'Revoke an API key', {
      parameters: [path('namespace'), path('name')],
    }),
  },
  '/api/platform/revocations': {
    get: operation('listRevocations', 'Actors, tokens and sessions that are refused at present', {
      parameters: [organisationParam],
    }),
    post: operation('revoke', 'Refuse an actor, a token or a session from now on', {
      requestBody: body({
        type: 'object',
        required: ['kind', 'id'],
        properties: {
          kind: { type: 'string', enum: ['actor', 'token', 'session'] },
          id: text,
          reason: text,
          endsAt: { type: 'string', format: 'date-time' },
          organisation: text,
        },
        additionalProperties: false,
      }),
      responses: { 201: json('The revocation.') },
    }),
  },
  '/api/platform/revocations/{kind}/{id}': {
    delete: operation('restore', 'Let an actor, a token or a session in again', {
      parameters: [
        path('kind', { type: 'string', enum: ['actor', 'token', 'session'] }),
        path('id'),
        organisationParam,
      ],
      responses: { 204: { description: 'Restored.' } },
    }),
  },
  '/api/platform/api-keys/{namespace}/{name}/rotate': {
    post: operation(
      'rotateApiKey',
      'Give an API key a new text; the one before counts for a while',
      {
        parameters: [path('namespace'), path('name')],
        requestBody: optionalBody({
          type: 'object',
          properties: { overlap: text, env: text },
          additionalProperties: false,
        }),
        responses: { 200: json('Rotated before.'), 201: json('The key.') },
      },
    ),
  },
  '/api/platform/roles': {
    get: operation('listRoles', 'Roles: what they may do, and who holds them', {
      parameters: [namespaceParam],
    }),
  },
  '/api/platform/secrets/{namespace}/{name}/{key}': {
    put: operation('putSecret', 'Write one key of a secret; nothing reads it back', {
      parameters: [path('namespace'), path('name'), path('key')],
      requestBody: body({
        type: 'object',
        required: ['value'],
        properties: { value: { type: 'string', writeOnly: true } },
      }),
      responses: { 204: { description: 'Written.' } },
    }),
  },
  '/api/platform/schema-plans/{namespace}/{name}/approve': {
    post: operation('approveSchemaPlan', 'Approve the plan that a schema waits with', {
      parameters: [path('namespace'), path('name')],
      requestBody: body(planBody),
    }),
  },
  '/api/platform/schema-plans/{namespace}/{name}/reject': {
    post: operation('rejectSchemaPlan', 'Reject the plan that a schema waits with', {
      parameters: [path('namespace'), path('name')],
      requestBody: body(planBody),
    }),
  },
  '/api/platform/schema-plans/{namespace}/{name}/approval-tokens': {
    post: operation(
      'mintApprovalToken',
      'Get a token with which a signal approves the plan, once',
      {
        parameters: [path('namespace'), path('name')],
        requestBody: body(planBody),
        responses: { 201: json('The token.') },
      },
    ),
  },
  '/api/platform/drift': { get: operation('listDrift', 'Schemas that differ from the catalogue') },
  '/api/platform/schemas/{namespace}/{name}/drift': {
    get: operation('getDrift', 'What the catalogue has otherwise than the schema says', {
      parameters: [path('namespace'), path('name')],
    }),
  },
  '/api/platform/schemas/{namespace}/{name}/reconcile': {
    post: operation('reconcileSchema', 'Have the schema looked at now, or settle what differs', {
      parameters: [path('namespace'), path('name')],
      requestBody: optionalBody(reconcileBody),
    }),
  },
  '/api/platform/schemas/{namespace}/{name}/freeze': {
    post: operation('freezeSchema', 'Let nobody write records of the schema', {
      parameters: [path('namespace'), path('name')],
      requestBody: optionalBody(reasonBody),
    }),
  },
  '/api/platform/schemas/{namespace}/{name}/unfreeze': {
    post: operation('unfreezeSchema', 'Let records be written again', {
      parameters: [path('namespace'), path('name')],
      requestBody: optionalBody(reasonBody),
    }),
  },
  '/api/platform/schemas/{namespace}/{name}/promote': {
    post: operation('promoteSchema', 'Move the records of a schema to its newest version', {
      parameters: [path('namespace'), path('name')],
      requestBody: body({
        type: 'object',
        required: ['to'],
        properties: { to: text, sunset: text, hold: { type: 'boolean' } },
        additionalProperties: false,
      }),
      responses: { 202: json('The migration, which goes on by itself.') },
    }),
  },
  '/api/platform/workflows': { get: operation('workflows', 'Latest workflows') },
};
