import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { schemaNotFound } from '../../auth/access.ts';
import type { Identity } from '../../contract/identity.ts';
import { VelocityError, validationError } from '../../errors.ts';
import { parseListParams, parseQueryBody } from '../../query/record-query.ts';
import { bulkRecords } from '../../records/bulk-records.ts';
import { createRecord } from '../../records/create-record.ts';
import { deleteRecord } from '../../records/delete-record.ts';
import { getRecord } from '../../records/get-record.ts';
import type { RecordPage } from '../../records/list-records.ts';
import { listRecords } from '../../records/list-records.ts';
import { patchRecord } from '../../records/patch-record.ts';
import { putRecord } from '../../records/put-record.ts';
import type { RecordAnswer, RequestContext } from '../../records/request-context.ts';
import { upsertRecord } from '../../records/upsert-record.ts';
import type { CompiledSchema } from '../../schema/compile.ts';
import { ageVersion } from '../../schema/version-standing.ts';
import type { AppDeps } from '../app-deps.ts';
import { createBulkGate } from '../bulk-gate.ts';
import { identityOf } from '../plugins/authentication.ts';
import { keepDenial } from '../plugins/problem.ts';
import type { HeldBody } from '../plugins/request-body.ts';
import { bulkBytesMax, bulkRowsMax, mediaTypes } from '../plugins/request-body.ts';
import { timedRecords } from '../plugins/server-timing.ts';
import {
  auditReasonOf,
  etagOf,
  idempotencyKeyOf,
  ifMatchOf,
  isNotModified,
  ticketRefOf,
} from '../request-headers.ts';
import {
  booleanParam,
  listParam,
  queryOf,
  requireKnownParams,
  singleParam,
} from '../request-params.ts';

/** One route for every schema: the registry, not the router, knows which exist. */
const collection = '/api/:org/:app/:domain/:object/:version';
export const item = `${collection}/:id`;

const createParams = new Set(['onConflict', 'reason']);
const writeParams = new Set(['reason']);
const bulkParams = new Set(['atomic', 'reason']);
const readParams = new Set(['select', 'include', 'asOf']);
const noParams = new Set<string>();

/** Of a write without a body. */
const emptyHash = createHash('sha256').digest();

/** A request that may do several things is authenticated for the first, and authorised for each. */
const creates = { access: 'record', operations: ['create', 'update'] } as const;
const reads = { access: 'record', operations: ['read'] } as const;
const updates = { access: 'record', operations: ['update'] } as const;
const puts = { access: 'record', operations: ['update', 'create'] } as const;
const deletes = { access: 'record', operations: ['delete'] } as const;
const bulkWrites = { access: 'record', operations: ['create', 'update', 'delete'] } as const;

export function addRecordRoutes(app: FastifyInstance, deps: AppDeps): void {
  app.post(collection, { config: creates }, async (request, reply) => {
    const query = queryOf(request);
    requireKnownParams(query, createParams);
    const onConflict = singleParam(query, 'onConflict');
    const schema = schemaOf(deps, request);
    const context = writeContextOf(deps, request);
    const body = bodyOf(request);
    const answer =
      onConflict === undefined
        ? await createRecord(context, schema, body)
        : await upsertRecord(context, schema, body, onConflict);
    return sendRecord(reply, schema, answer);
  });

  app.get(collection, { config: reads }, async (request, reply) => {
    const schema = schemaOf(deps, request);
    const page = await listRecords(
      contextOf(deps, request),
      schema,
      parseListParams(queryOf(request)),
    );
    return sendPage(reply, page);
  });

  app.post(`${collection}/query`, { config: reads }, async (request, reply) => {
    requireKnownParams(queryOf(request), noParams);
    const schema = schemaOf(deps, request);
    const page = await listRecords(
      contextOf(deps, request),
      schema,
      parseQueryBody(bodyOf(request)),
    );
    return sendPage(reply, page);
  });

  const bulkConfig = {
    ...bulkWrites,
    bodyTypes: [mediaTypes.json, mediaTypes.ndjson],
    parsesBody: true,
  };
  const throughGate = createBulkGate();
  app.post(
    `${collection}/bulk`,
    { config: bulkConfig, bodyLimit: bulkBytesMax },
    async (request, reply) => {
      const query = queryOf(request);
      requireKnownParams(query, bulkParams);
      const schema = schemaOf(deps, request);
      const context = writeContextOf(deps, request);
      const atomic = booleanParam(query, 'atomic', true);
      const body = bodyOf(request) as HeldBody;
      const answer = await throughGate(() =>
        bulkRecords(context, schema, bulkRowsOf(body.parse()), { atomic }),
      );
      // Not after an error: where the schema has changed, its successor parses the bytes once more.
      body.release();
      if (answer.denied !== undefined) await keepDenial(deps, request, answer.denied);
      if (answer.replayed) reply.header('idempotency-replayed', 'true');
      return sendJson(
        reply,
        `{"data":${answer.data},"summary":${JSON.stringify(answer.summary)},"requestId":"${reply.request.id}"}`,
      );
    },
  );

  app.get(item, { config: reads }, async (request, reply) => {
    const query = queryOf(request);
    requireKnownParams(query, readParams);
    refuseAsOf(query);
    const select = listParam(query, 'select');
    const include = listParam(query, 'include');
    const schema = schemaOf(deps, request);
    const record = await getRecord(contextOf(deps, request), schema, idOf(request), {
      ...(select !== undefined && { select }),
      ...(include !== undefined && { include }),
    });
    const etag = etagOf(record.version);
    reply.header('etag', etag);
    // An included record may change while this one's version stays, so that answer is always sent.
    if (include === undefined && isNotModified(request, etag)) return reply.code(304).send();
    return sendJson(reply, `{"data":${record.data},"requestId":"${request.id}"}`);
  });

  const patchConfig = {
    ...updates,
    bodyTypes: [mediaTypes.json, mediaTypes.mergePatch, mediaTypes.jsonPatch],
  };
  app.patch(item, { config: patchConfig }, async (request, reply) => {
    requireKnownParams(queryOf(request), writeParams);
    const schema = schemaOf(deps, request);
    const jsonPatch = request.headers['content-type']?.startsWith(mediaTypes.jsonPatch) ?? false;
    const answer = await patchRecord(
      writeContextOf(deps, request),
      schema,
      idOf(request),
      bodyOf(request),
      { jsonPatch, ...ifMatchOption(request) },
    );
    return sendRecord(reply, schema, answer);
  });

  app.put(item, { config: puts }, async (request, reply) => {
    requireKnownParams(queryOf(request), writeParams);
    const schema = schemaOf(deps, request);
    const answer = await putRecord(
      writeContextOf(deps, request),
      schema,
      idOf(request),
      bodyOf(request),
      ifMatchOption(request),
    );
    return sendRecord(reply, schema, answer);
  });

  app.delete(item, { config: deletes }, async (request, reply) => {
    requireKnownParams(queryOf(request), writeParams);
    const schema = schemaOf(deps, request);
    const answer = await deleteRecord(
      writeContextOf(deps, request),
      schema,
      idOf(request),
      ifMatchOption(request),
    );
    if (answer.replayed) reply.header('idempotency-replayed', 'true');
    return reply.code(204).send();
  });
}

interface RecordParams {
  readonly org: string;
  readonly app: string;
  readonly domain: string;
  readonly object: string;
  readonly version: string;
  readonly id?: string;
}

/**
 * One look-up. A schema of another organisation is not there, before anything else of the request is
 * judged; whether the caller may use one of its own is for the command to say.
 */
export function schemaOf(deps: AppDeps, request: FastifyRequest): CompiledSchema {
  const { org, app, domain, object, version } = request.params as RecordParams;
  return schemaAt(deps, identityOf(request), `${org}/${app}/${domain}/${object}/${version}`);
}

export function schemaAt(deps: AppDeps, caller: Identity, path: string): CompiledSchema {
  const snapshot = deps.registry.snapshot();
  const schema = snapshot.schemas.get(path);
  const { organisation, platformAdmin } = caller;
  const owner = schema ?? snapshot.dropped.get(path);
  if (owner === undefined || !(platformAdmin || owner.organisation === organisation)) {
    throw schemaNotFound(path);
  }
  if (schema === undefined || ageVersion(schema, deps.now()).retired) throw versionRetired(path);
  return schema;
}

/** Where its records are now, the Link header says. */
function versionRetired(path: string): VelocityError {
  const message = `${path} is retired and not served any more.`;
  const hint = 'Use its newest version: GET /api lists what is served.';
  return new VelocityError('VERSION_RETIRED', message, { hint });
}

function idOf(request: FastifyRequest): string {
  return (request.params as RecordParams).id ?? '';
}

function bodyOf(request: FastifyRequest): unknown {
  if (request.body === undefined || request.body === null) {
    throw validationError('The request needs a body.', [
      { pointer: '', rule: 'required', message: 'is empty', hint: 'send a JSON object' },
    ]);
  }
  return request.body;
}

function bulkRowsOf(body: unknown): readonly unknown[] {
  const isList = Array.isArray(body);
  if (isList && body.length <= bulkRowsMax) return body;
  const message = isList ? `has ${body.length} rows` : 'is not a list';
  throw validationError('The bulk is not well formed.', [
    {
      pointer: '',
      rule: isList ? 'max-rows' : 'type',
      message,
      hint: `a list, or NDJSON lines, of at most ${bulkRowsMax} operations`,
    },
  ]);
}

export function contextOf(deps: AppDeps, request: FastifyRequest): RequestContext {
  return {
    deps: timedRecords(deps.records, request.timing),
    identity: identityOf(request),
    snapshot: deps.registry.snapshot(),
    requestId: request.id,
    method: request.method,
    address: request.ip,
  };
}

/** A write also says why, and may be tried again under its idempotency key. */
function writeContextOf(deps: AppDeps, request: FastifyRequest): RequestContext {
  const key = idempotencyKeyOf(request);
  const reason = auditReasonOf(request, singleParam(queryOf(request), 'reason'));
  const ticketRef = ticketRefOf(request);
  return {
    ...contextOf(deps, request),
    ...(reason !== undefined && { reason }),
    ...(ticketRef !== undefined && { ticketRef }),
    ...(key !== undefined && {
      idempotency: {
        key,
        route: `${request.method} ${request.url}`,
        bodyHash: request.bodyHash ?? emptyHash,
      },
    }),
  };
}

function ifMatchOption(request: FastifyRequest): { ifMatch?: number } {
  const ifMatch = ifMatchOf(request);
  return ifMatch === undefined ? {} : { ifMatch };
}

function refuseAsOf(query: Readonly<Record<string, unknown>>): void {
  if (query['asOf'] === undefined) return;
  throw new VelocityError('BAD_REQUEST', 'A record cannot be read as of a time yet.', {
    details: { parameter: 'asOf' },
    hint: 'Leave asOf out to see the present.',
  });
}

/** The record's JSON comes from Postgres as text and is never parsed here. */
function sendRecord(
  reply: FastifyReply,
  schema: CompiledSchema,
  answer: RecordAnswer,
): FastifyReply {
  reply.code(answer.status).header('etag', etagOf(answer.version));
  if (answer.status === 201) reply.header('location', `/api/${schema.path}/${answer.id}`);
  if (answer.replayed) reply.header('idempotency-replayed', 'true');
  return sendJson(reply, `{"data":${answer.data},"requestId":"${reply.request.id}"}`);
}

function sendPage(reply: FastifyReply, page: RecordPage): FastifyReply {
  const pagination = JSON.stringify({
    limit: page.limit,
    cursor: page.cursor ?? null,
    nextOffset: page.nextOffset,
    total: page.total,
  });
  return sendJson(
    reply,
    `{"data":${page.data},"pagination":${pagination},"requestId":"${reply.request.id}"}`,
  );
}

function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.header('content-type', 'application/json; charset=utf-8').send(text);
}
