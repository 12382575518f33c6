import type { Access } from '../../auth/access.ts';
import { findAccess } from '../../auth/access.ts';
import type { Identity } from '../../contract/identity.ts';
import { errorCodes } from '../../errors.ts';
import type { RegistrySnapshot } from '../../resources/registry/snapshot.ts';
import type { CompiledSchema } from '../../schema/compile.ts';
import type { JsonSchema } from '../../schema/json-schema.ts';
import { ageVersion } from '../../schema/version-standing.ts';
import { platformPaths } from './platform-paths.ts';
import type { UsableOperations } from './record-paths.ts';
import { describeRecordPaths } from './record-paths.ts';

export interface OpenApiInput {
  readonly identity: Identity;
  readonly snapshot: RegistrySnapshot;
  readonly nowMs: number;
  readonly version: string;
  readonly administers: boolean;
}

const recordOperations = ['create', 'read', 'update', 'delete', 'history'] as const;

/** OpenAPI 3.1 of what this caller may use now: schemas, operations, fields, and nothing beyond. */
export function buildOpenApi(input: OpenApiInput): JsonSchema {
  const described = usableSchemas(input).map(([schema, operations]) =>
    describeRecordPaths(schema, operations, isDeprecated(schema, input.nowMs)),
  );
  return {
    openapi: '3.1.0',
    info: {
      title: 'Velocity',
      version: input.version,
      description: 'Every schema that you may use, as it is served at this moment.',
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { apiKey: [] }],
    tags: [...described.map(({ tag }) => tag), { name: 'Platform' }],
    paths: Object.assign(
      {},
      ...described.map(({ paths }) => paths),
      platformPaths(input.administers),
    ),
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'An API key (vel_…), or a token of an issuer that the schema believes.',
        },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      },
      responses: { Problem: problemResponse },
      schemas: Object.assign({}, ...described.map(({ components }) => components), shared),
    },
  };
}

/** Schemas of which the caller may use at least one operation, by path. */
export function usableSchemas({
  identity,
  snapshot,
  nowMs,
}: Pick<OpenApiInput, 'identity' | 'snapshot' | 'nowMs'>): [CompiledSchema, UsableOperations][] {
  const usable: [CompiledSchema, UsableOperations][] = [];
  for (const schema of snapshot.schemas.values()) {
    if (ageVersion(schema, nowMs).retired) continue;
    const operations = new Map<(typeof recordOperations)[number], Access>();
    for (const operation of recordOperations) {
      // A version that takes its records over, or has given them away, is only read.
      if (schema.standing && operation !== 'read') continue;
      const access = findAccess({ identity, snapshot, schema, operation, nowMs });
      if (access) operations.set(operation, access);
    }
    if (operations.size > 0) usable.push([schema, operations]);
  }
  return usable.sort(([one], [other]) => (one.path < other.path ? -1 : 1));
}

function isDeprecated(schema: CompiledSchema, nowMs: number): boolean {
  const { deprecatedAt } = ageVersion(schema, nowMs);
  return deprecatedAt !== undefined && deprecatedAt <= nowMs;
}

const text = { type: 'string' };

const shared: Readonly<Record<string, JsonSchema>> = {
  Problem: {
    type: 'object',
    required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'message', 'requestId'],
    properties: {
      type: { type: 'string', format: 'uri' },
      title: text,
      status: { type: 'integer' },
      detail: text,
      instance: text,
      code: { type: 'string', enum: Object.keys(errorCodes) },
      message: text,
      requestId: text,
      details: { type: 'object' },
      hint: text,
    },
  },
  Pagination: {
    type: 'object',
    required: ['limit', 'cursor'],
    properties: {
      limit: { type: 'integer' },
      cursor: { type: ['string', 'null'] },
      total: { type: 'integer' },
    },
  },
  Query: {
    type: 'object',
    additionalProperties: false,
    properties: {
      where: {
        type: 'object',
        description: '{and: […]}, {or: […]}, {not: …} or {field, op, value}.',
      },
      select: { type: 'array', items: text },
      sort: {
        type: 'array',
        items: {
          type: 'object',
          required: ['field'],
          properties: { field: text, direction: { type: 'string', enum: ['asc', 'desc'] } },
        },
      },
      limit: { type: 'integer', minimum: 1, maximum: 1_000 },
      cursor: text,
      offset: { type: 'integer', minimum: 0, maximum: 10_000 },
      include: { type: 'array', items: text },
      count: { type: 'string', enum: ['none', 'planned', 'exact'] },
      groupBy: { type: 'array', items: text },
      aggregate: { type: 'array', items: { type: 'object' } },
    },
  },
  BulkOperation: {
    type: 'object',
    required: ['op'],
    properties: {
      op: text,
      id: { type: 'string', format: 'uuid' },
      record: { type: 'object' },
      version: { type: 'integer' },
    },
  },
  JsonPatch: {
    type: 'array',
    items: {
      type: 'object',
      required: ['op', 'path'],
      properties: { op: text, path: text, from: text, value: {} },
    },
  },
};

const problemResponse: JsonSchema = {
  description: 'A refusal.',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};
