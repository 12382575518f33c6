import { createHash } from 'node:crypto';
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Fastify from 'fastify';
import { pino } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { orderPath } from '../fixture/order.ts';
import type { NewOrder, OrderPatch } from './order-body.ts';
import { newOrderSchema, orderBulkSchema, orderPatchSchema } from './order-body.ts';
import type { Caller, Pipeline } from './pipeline.ts';
import { createOrder, createOrders, getOrder, listOrders, updateOrder } from './statements.ts';

const uuid = { type: 'string', format: 'uuid' } as const;
const bulkBytesMax = 16_777_216;
const logBufferBytes = 4_096;
const json = 'application/json; charset=utf-8';

export interface BaselineOptions {
  readonly pipeline: Pipeline;
  /** The one caller and the key that names it. */
  readonly key: string;
  readonly actor: string;
  readonly grants: string;
}

/**
 * What a good engineer writes for this one table and nothing else: the same routes, transactions,
 * headers, log line and JSON as Velocity's, with everything that never changes written down.
 */
export function buildBaseline(options: BaselineOptions): FastifyInstance {
  const { pipeline, actor, grants } = options;
  const actors = new Map([[hashOf(options.key), actor]]);
  const log = pino({}, pino.destination({ dest: 1, sync: false, minLength: logBufferBytes }));
  const app = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    disableRequestLogging: true,
    requestIdHeader: 'x-request-id',
    genReqId: () => uuidv7(),
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: true } },
  });

  app.decorateRequest('actor', '');
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers({
      'x-request-id': request.id,
      'cache-control': 'private, no-cache',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
    });
    if (request.url === '/healthz') return done();
    const key = request.headers.authorization?.slice('Bearer '.length) ?? '';
    const known = actors.get(hashOf(key));
    if (known === undefined) {
      void reply.code(401).send({ message: 'The API key is not known.' });
      return;
    }
    request.actor = known;
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    request.log.info(
      {
        requestId: request.id,
        method: request.method,
        route: request.routeOptions.url,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime * 1_000) / 1_000,
        actor: request.actor,
      },
      'request.finished',
    );
    done();
  });

  const callerOf = (request: FastifyRequest): Caller => ({
    actor: request.actor,
    requestId: request.id,
    grants,
  });

  app.get('/healthz', () => ({ status: 'ok' }));

  app.get<{ Params: { id: string } }>(
    `${orderPath}/:id`,
    { schema: { params: { type: 'object', properties: { id: uuid } } } },
    async (request, reply) => {
      const { rows } = await pipeline.transact(callerOf(request), getOrder, [request.params.id]);
      const [order] = rows;
      if (order === undefined) return reply.code(404).send({ message: 'There is no such order.' });
      const etag = `"${order.version}"`;
      reply.header('etag', etag);
      if (request.headers['if-none-match'] === etag) return reply.code(304).send();
      return sendText(reply, `{"data":${order.data},"requestId":"${request.id}"}`);
    },
  );

  app.get<{ Querystring: { 'filter[status]': string } }>(
    orderPath,
    {
      schema: {
        querystring: {
          type: 'object',
          required: ['filter[status]'],
          properties: { 'filter[status]': newOrderSchema.properties.status },
        },
      },
    },
    async (request, reply) => {
      const status = request.query['filter[status]'];
      const { rows } = await pipeline.transact(callerOf(request), listOrders, [status]);
      const [page] = rows;
      const more = page.found > 50;
      const data = more ? page.data.slice(0, page.data.lastIndexOf(',\n')) : (page.data ?? '');
      const cursor = more
        ? Buffer.from(`${page.last_ordered_on} ${page.last_id}`).toString('base64url')
        : null;
      const pagination = JSON.stringify({ limit: 50, cursor });
      return sendText(
        reply,
        `{"data":[${data}],"pagination":${pagination},"requestId":"${request.id}"}`,
      );
    },
  );

  app.post<{ Body: NewOrder }>(
    orderPath,
    { schema: { body: newOrderSchema } },
    async (request, reply) => {
      const order = request.body;
      const { rows } = await pipeline.transact(callerOf(request), createOrder, [
        uuidv7(),
        order.order_number,
        order.customer,
        order.status,
        order.region,
        order.amount,
        order.quantity,
        order.express ?? false,
        order.ordered_on,
        order.carrier ?? null,
        order.notes ?? null,
      ]);
      const [created] = rows;
      reply.code(201).header('etag', `"${created.version}"`);
      reply.header('location', `${orderPath}/${created.id}`);
      return sendText(reply, `{"data":${created.data},"requestId":"${request.id}"}`);
    },
  );

  app.patch<{ Params: { id: string }; Body: OrderPatch }>(
    `${orderPath}/:id`,
    {
      schema: {
        params: { type: 'object', properties: { id: uuid } },
        body: orderPatchSchema,
      },
    },
    async (request, reply) => {
      const version = /^"(\d{1,15})"$/.exec(request.headers['if-match'] ?? '')?.[1];
      if (version === undefined) return reply.code(428).send({ message: 'If-Match is missing.' });
      const { status, region, quantity, carrier, notes } = request.body;
      const { rows } = await pipeline.transact(callerOf(request), updateOrder, [
        ...[request.params.id, version],
        ...[status, region, quantity, carrier, notes],
      ]);
      const [changed] = rows;
      if (changed === undefined) {
        return reply.code(412).send({ message: 'The order is not at that version.' });
      }
      reply.header('etag', `"${changed.version}"`);
      return sendText(reply, `{"data":${changed.data},"requestId":"${request.id}"}`);
    },
  );

  app.post<{ Body: { record: NewOrder }[] }>(
    `${orderPath}/bulk`,
    { schema: { body: orderBulkSchema }, bodyLimit: bulkBytesMax },
    async (request, reply) => {
      const orders = request.body.map(({ record }) => ({
        id: uuidv7(),
        ...record,
        express: record.express ?? false,
      }));
      await pipeline.transact(callerOf(request), createOrders, [JSON.stringify(orders)]);
      const data = orders.map(({ id }, index) => ({ index, status: 201, id, version: 1 }));
      const summary = { created: orders.length, updated: 0, deleted: 0, failed: 0 };
      return sendText(reply, JSON.stringify({ data, summary, requestId: request.id }));
    },
  );
  return app;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Of the hand-written service. */
    actor: string;
  }
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** Text that Postgres has made passes through as it is. */
function sendText(reply: FastifyReply, text: string): FastifyReply {
  return reply.header('content-type', json).send(text);
}
