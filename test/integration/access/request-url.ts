import type { InjectOptions } from 'fastify';
import type { Condition } from '../../../src/query/condition.ts';
import type { AccessRequest } from './world.ts';

/** A request as it goes to the API; `path` is the schema's. */
export function httpOf(path: string, request: AccessRequest): InjectOptions {
  switch (request.kind) {
    case 'get': {
      const select = request.select === undefined ? '' : `?select=${request.select.join(',')}`;
      return { method: 'GET', url: `${path}/${request.id}${select}` };
    }
    case 'history':
      return { method: 'GET', url: `${path}/${request.id}/history` };
    case 'delete':
      return { method: 'DELETE', url: `${path}/${request.id}` };
    case 'create':
      return withBody('POST', path, request.body);
    case 'patch':
      return withBody('PATCH', `${path}/${request.id}`, request.body);
    case 'put':
      return withBody('PUT', `${path}/${request.id}`, request.body);
    case 'list':
      return { method: 'GET', url: `${path}?${listParams(request)}` };
    case 'query': {
      const { where, sort, select } = request;
      return withBody('POST', `${path}/query`, {
        ...(where.length > 0 && { where: where[0] }),
        ...{ sort, limit: 1_000, count: 'exact' },
        ...(select !== undefined && { select }),
      });
    }
    case 'groups':
      return withBody('POST', `${path}/query`, {
        ...(request.where.length > 0 && { where: request.where[0] }),
        ...{ groupBy: request.by, aggregate: request.aggregates },
      });
  }
}

function withBody(method: 'POST' | 'PATCH' | 'PUT', url: string, body: unknown): InjectOptions {
  const headers = { 'content-type': 'application/json' };
  return { method, url, headers, payload: JSON.stringify(body) };
}

function listParams({
  where,
  sort,
  select,
}: Extract<AccessRequest, { kind: 'list' | 'query' }>): URLSearchParams {
  const params = new URLSearchParams({ limit: '1000', count: 'exact' });
  for (const condition of where) {
    const { field, op, value } = condition as Extract<Condition, { field: string }>;
    params.append(`filter[${field}][${op}]`, value === undefined ? '' : String(value));
  }
  if (sort.length > 0) {
    const keys = sort.map(({ field, direction }) => (direction === 'desc' ? `-${field}` : field));
    params.set('sort', keys.join(','));
  }
  if (select !== undefined) params.set('select', select.join(','));
  return params;
}
