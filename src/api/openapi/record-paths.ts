import type { Access } from '../../auth/access.ts';
import type { FieldMask } from '../../contract/kinds.ts';
import { operators } from '../../query/condition.ts';
import type { Masks } from '../../query/mask.ts';
import type { CompiledField, CompiledSchema } from '../../schema/compile.ts';
import type { JsonSchema } from '../../schema/json-schema.ts';
import { fieldSchema, maskedSchema, writtenSchema } from './field-schema.ts';

/** Operations of a schema that the caller may use, with what each shows and takes. */
export type UsableOperations = ReadonlyMap<
  'create' | 'read' | 'update' | 'delete' | 'history',
  Access
>;

export interface DescribedSchema {
  readonly paths: Readonly<Record<string, JsonSchema>>;
  readonly components: Readonly<Record<string, JsonSchema>>;
  readonly tag: JsonSchema;
}

/** Kept by the platform and never shown in a record. */
const unshown: ReadonlySet<string> = new Set(['deleted_at', 'archived_at', 'archive_ref']);

/** The routes of one schema as its caller may use them; nothing of what the caller may not see. */
export function describeRecordPaths(
  schema: CompiledSchema,
  operations: UsableOperations,
  deprecated: boolean,
): DescribedSchema {
  const name = schema.path.replaceAll('/', '.');
  const tag = `${schema.name} ${schema.version} · ${schema.namespace}`;
  const read = operations.get('read');
  const create = operations.get('create');
  const update = operations.get('update');
  const remove = operations.get('delete');
  const history = operations.get('history');
  const shown = read ?? create ?? update;
  const shownFields = shown ? fieldsOf(schema, shown.readable) : [];
  const operation = operationMaker(name, tag, deprecated);

  const components: Record<string, JsonSchema> = {};
  if (shown) components[name] = recordSchema(shownFields, shown.masks);
  if (create) components[`${name}.create`] = inputSchema(schema, create, 'create');
  if (update) components[`${name}.update`] = inputSchema(schema, update, 'update');

  const record = { $ref: `#/components/schemas/${name}` };
  const one = envelope(record);
  const path = `/api/${schema.path}`;
  const paths: Record<string, JsonSchema> = {
    [path]: {
      ...(read && {
        get: operation('list', `List ${schema.name} records`, {
          parameters: [...listParameters(shownFields, read.masks), ...pageParameters],
          responses: { 200: answer('A page of records.', pageSchema(record)) },
        }),
      }),
      ...(create && {
        post: operation('create', `Create a ${schema.name}`, {
          parameters: [parameter('onConflict', 'query', text), ...writeParameters],
          requestBody: body(`${name}.create`),
          responses: {
            201: answer('Created.', one, ['ETag', 'Location']),
            200: answer('Updated, as onConflict asked for.', one, ['ETag']),
          },
        }),
      }),
    },
    [`${path}/query`]: {
      ...(read && {
        post: operation('query', `Query ${schema.name} records`, {
          requestBody: jsonBody({ $ref: '#/components/schemas/Query' }),
          responses: { 200: answer('A page of records.', pageSchema(record)) },
        }),
      }),
    },
    [`${path}/bulk`]: {
      ...((create ?? update ?? remove) && {
        post: operation('bulk', `Write many ${schema.name} records`, {
          parameters: [parameter('atomic', 'query', { type: 'boolean', default: true })],
          requestBody: bulkBody,
          responses: { 200: answer('One result a row.', bulkAnswer) },
        }),
      }),
    },
    [`${path}/{id}`]: {
      parameters: [parameter('id', 'path', { type: 'string', format: 'uuid' })],
      ...(read && {
        get: operation('get', `Get a ${schema.name}`, {
          parameters: [...readParameters, parameter('If-None-Match', 'header', text)],
          responses: {
            200: answer('The record.', one, ['ETag']),
            304: { description: 'Not modified.' },
          },
        }),
      }),
      ...(update && {
        patch: operation('patch', `Change a ${schema.name}`, {
          parameters: [ifMatch, ...writeParameters],
          requestBody: patchBody(`${name}.update`),
          responses: { 200: answer('Changed.', one, ['ETag']) },
        }),
        put: operation('put', `Create or replace a ${schema.name}`, {
          parameters: [ifMatch, ...writeParameters],
          requestBody: body(`${name}.${create ? 'create' : 'update'}`),
          responses: {
            200: answer('Replaced.', one, ['ETag']),
            201: answer('Created.', one, ['ETag', 'Location']),
          },
        }),
      }),
      ...(remove && {
        delete: operation('delete', `Delete a ${schema.name}`, {
          parameters: [ifMatch, ...writeParameters],
          responses: { 204: { description: 'Deleted.' } },
        }),
      }),
    },
    [`${path}/{id}/history`]: {
      parameters: [parameter('id', 'path', { type: 'string', format: 'uuid' })],
      ...(history && {
        get: operation('history', `List the versions of a ${schema.name}`, {
          parameters: historyParameters,
          responses: { 200: answer('Versions, newest first.', pageSchema(recordVersion)) },
        }),
      }),
    },
  };
  return {
    paths: withoutEmpty(paths),
    components,
    tag: { name: tag, ...(schema.spec.description && { description: schema.spec.description }) },
  };
}

function fieldsOf(schema: CompiledSchema, names: ReadonlySet<string>): CompiledField[] {
  return [...schema.fields.values()].filter((f) => names.has(f.name) && !unshown.has(f.name));
}

function recordSchema(fields: readonly CompiledField[], masks: Masks): JsonSchema {
  return {
    type: 'object',
    properties: Object.fromEntries(
      fields.map((field) => [field.name, shownSchema(field, masks.get(field.name))]),
    ),
  };
}

function shownSchema(field: CompiledField, mask: FieldMask | undefined): JsonSchema {
  if (mask !== undefined) return maskedSchema(mask);
  if (field.type !== 'ref') return fieldSchema(field);
  return { anyOf: [fieldSchema(field), { type: 'object', description: 'When included.' }] };
}

function inputSchema(
  schema: CompiledSchema,
  access: Access,
  operation: 'create' | 'update',
): JsonSchema {
  const fields = schema.userFields.filter(
    (field) =>
      access.writable.has(field.name) && (operation === 'create' || field.spec.immutable !== true),
  );
  const required = fields.filter((field) => field.required);
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      ...Object.fromEntries(
        fields.map((field) => [field.name, writtenSchema(field, access.masks.get(field.name))]),
      ),
      ...(operation === 'update' && {
        version: { type: 'integer', description: 'The version read; or send If-Match.' },
      }),
    },
    ...(operation === 'create' &&
      required.length > 0 && { required: required.map((field) => field.name) }),
  };
}

const text: JsonSchema = { type: 'string' };

function parameter(name: string, place: string, schema: JsonSchema, description?: string) {
  return {
    name,
    in: place,
    schema,
    ...(place === 'path' && { required: true }),
    ...(description !== undefined && { description }),
  };
}

const readParameters = [
  parameter('select', 'query', text, 'Fields to answer, separated by commas.'),
  parameter('include', 'query', text, 'References to resolve, to depth 2: a,b.c'),
];

const pageParameters = [
  ...readParameters,
  parameter('limit', 'query', { type: 'integer', minimum: 1, maximum: 1_000, default: 100 }),
  parameter('cursor', 'query', text, 'pagination.cursor of the page before.'),
  parameter('offset', 'query', { type: 'integer', minimum: 0, maximum: 10_000 }),
  parameter('count', 'query', { type: 'string', enum: ['none', 'planned', 'exact'] }),
];

const historyParameters = [
  ...pageParameters.filter(({ name }) => name === 'limit' || name === 'cursor'),
  parameter(
    'revision',
    'query',
    { type: 'string', enum: ['original'] },
    'States as they were written, instead of as records are now.',
  ),
];

/** One version of a record; which fields its state has is a matter of its revision. */
const recordVersion: JsonSchema = {
  type: 'object',
  properties: {
    version: { type: 'integer' },
    operation: { type: 'string' },
    occurredAt: { type: 'string', format: 'date-time' },
    actor: { type: 'string' },
    actorType: { type: 'string' },
    requestId: { type: ['string', 'null'] },
    revision: { type: 'integer' },
    lost: { type: 'array', items: { type: 'string' } },
    record: { type: 'object' },
  },
};

const ifMatch = parameter(
  'If-Match',
  'header',
  text,
  'The ETag read; or send version in the body.',
);

const writeParameters = [
  parameter('Idempotency-Key', 'header', { type: 'string', minLength: 1, maxLength: 255 }),
  parameter('X-Audit-Reason', 'header', text),
  parameter('X-Ticket-Ref', 'header', text),
];

function listParameters(shown: readonly CompiledField[], masks: Masks) {
  const fields = shown.filter(({ name }) => !masks.has(name));
  const sortable = fields.filter((field) => field.sortable).map((field) => field.name);
  return [
    ...fields
      .filter((field) => field.filterable)
      .map((field) =>
        parameter(
          `filter[${field.name}]`,
          'query',
          text,
          `Equals; or filter[${field.name}][op] with op one of ${operators.join(', ')}.`,
        ),
      ),
    ...(sortable.length > 0
      ? [parameter('sort', 'query', text, `By ${sortable.join(', ')}; -field is descending.`)]
      : []),
  ];
}

function envelope(data: JsonSchema): JsonSchema {
  return {
    type: 'object',
    required: ['data', 'requestId'],
    properties: { data, requestId: text },
  };
}

function pageSchema(record: JsonSchema): JsonSchema {
  return {
    type: 'object',
    required: ['data', 'pagination', 'requestId'],
    properties: {
      data: { type: 'array', items: record },
      pagination: { $ref: '#/components/schemas/Pagination' },
      requestId: text,
    },
  };
}

const bulkAnswer: JsonSchema = {
  type: 'object',
  properties: {
    data: { type: 'array', items: { type: 'object' } },
    summary: {
      type: 'object',
      properties: Object.fromEntries(
        ['created', 'updated', 'deleted', 'failed'].map((name) => [name, { type: 'integer' }]),
      ),
    },
    requestId: text,
  },
};

const bulkOperation = { $ref: '#/components/schemas/BulkOperation' };

const bulkBody: JsonSchema = {
  required: true,
  content: {
    'application/json': {
      schema: { type: 'array', maxItems: 10_000, items: bulkOperation },
    },
    'application/x-ndjson': { schema: bulkOperation },
  },
};

function jsonBody(schema: JsonSchema): JsonSchema {
  return { required: true, content: { 'application/json': { schema } } };
}

function body(component: string): JsonSchema {
  return jsonBody({ $ref: `#/components/schemas/${component}` });
}

function patchBody(component: string): JsonSchema {
  const schema = { $ref: `#/components/schemas/${component}` };
  return {
    required: true,
    content: {
      'application/merge-patch+json': { schema },
      'application/json': { schema },
      'application/json-patch+json': { schema: { $ref: '#/components/schemas/JsonPatch' } },
    },
  };
}

function answer(description: string, schema: JsonSchema, headers: readonly string[] = []) {
  return {
    description,
    ...(headers.length > 0 && {
      headers: Object.fromEntries(headers.map((name) => [name, { schema: text }])),
    }),
    content: { 'application/json': { schema } },
  };
}

function operationMaker(name: string, tag: string, deprecated: boolean) {
  return (verb: string, summary: string, rest: { responses: object } & JsonSchema) => ({
    operationId: `${name}.${verb}`,
    tags: [tag],
    summary,
    ...(deprecated && { deprecated }),
    ...rest,
    responses: { ...rest.responses, default: { $ref: '#/components/responses/Problem' } },
  });
}

function withoutEmpty(paths: Record<string, JsonSchema>): Record<string, JsonSchema> {
  return Object.fromEntries(
    Object.entries(paths).filter(([, item]) =>
      Object.keys(item).some((key) => key !== 'parameters'),
    ),
  );
}
