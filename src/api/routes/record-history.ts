import type { FastifyInstance } from 'fastify';
import { VelocityError } from '../../errors.ts';
import { limitDefault, limitMax } from '../../query/record-query.ts';
import { readHistory } from '../../records/read-history.ts';
import type { AppDeps } from '../app-deps.ts';
import type { QueryParams } from '../request-params.ts';
import { queryOf, requireKnownParams, singleParam } from '../request-params.ts';
import { contextOf, item, schemaOf } from './records.ts';

const config = { access: 'record', operations: ['history'] } as const;
const params = new Set(['limit', 'cursor', 'revision']);

/** The versions of one record, newest first. */
export function addRecordHistoryRoute(app: FastifyInstance, deps: AppDeps): void {
  app.get(`${item}/history`, { config }, async (request, reply) => {
    const query = queryOf(request);
    requireKnownParams(query, params);
    const schema = schemaOf(deps, request);
    const { id } = request.params as { id: string };
    const cursor = singleParam(query, 'cursor');
    const limit = limitOf(query);
    const page = await readHistory(contextOf(deps, request), schema, id, {
      ...{ limit, original: isOriginal(query) },
      ...(cursor !== undefined && { cursor }),
    });
    const pagination = JSON.stringify({ limit, cursor: page.cursor ?? null });
    return reply
      .header('content-type', 'application/json; charset=utf-8')
      .send(`{"data":${page.data},"pagination":${pagination},"requestId":"${request.id}"}`);
  });
}

function limitOf(query: QueryParams): number {
  const text = singleParam(query, 'limit');
  const limit = text === undefined ? limitDefault : Number(text);
  if (/^\d+$/.test(text ?? '0') && limit >= 1 && limit <= limitMax) return limit;
  throw new VelocityError('BAD_REQUEST', `limit is a whole number from 1 to ${limitMax}.`, {
    details: { parameter: 'limit' },
  });
}

function isOriginal(query: QueryParams): boolean {
  const revision = singleParam(query, 'revision');
  if (revision === undefined || revision === 'original') return revision !== undefined;
  throw new VelocityError('BAD_REQUEST', 'revision is "original", or left out.', {
    details: { parameter: 'revision' },
    hint: 'Without it states are shown as records are now; with it, as they were written.',
  });
}
