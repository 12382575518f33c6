import type { FastifyRequest } from 'fastify';
import { VelocityError } from '../errors.ts';

/** Parameters after the `?`: a name given twice is a list. */
export type QueryParams = Record<string, string | string[]>;

export function queryOf(request: FastifyRequest): QueryParams {
  return request.query as QueryParams;
}

/** Refuses parameters that the route does not know: a typing error must not be ignored. */
export function requireKnownParams(query: QueryParams, allowed: ReadonlySet<string>): void {
  for (const name of Object.keys(query)) {
    if (allowed.has(name)) continue;
    const known = [...allowed].join(', ');
    throw new VelocityError('BAD_REQUEST', `The parameter ${JSON.stringify(name)} is unknown.`, {
      details: { parameter: name, allowed: [...allowed] },
      hint: known === '' ? 'This route takes no parameters.' : `Known here: ${known}.`,
    });
  }
}

export function singleParam(query: QueryParams, name: string): string | undefined {
  const value = query[name];
  if (Array.isArray(value)) {
    throw new VelocityError('BAD_REQUEST', `The parameter "${name}" is given more than once.`, {
      details: { parameter: name },
    });
  }
  return value;
}

export function booleanParam(query: QueryParams, name: string, fallback: boolean): boolean {
  const value = singleParam(query, name);
  if (value === undefined) return fallback;
  if (value === 'true' || value === 'false') return value === 'true';
  throw new VelocityError('BAD_REQUEST', `The parameter "${name}" is true or false.`, {
    details: { parameter: name },
  });
}

/** Comma-separated, as `select=a,b`; undefined when absent. */
export function listParam(query: QueryParams, name: string): string[] | undefined {
  const value = singleParam(query, name);
  return value === undefined ? undefined : value.split(',').filter((part) => part !== '');
}
