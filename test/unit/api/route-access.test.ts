import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import type { RouteAccess } from '../../../src/api/route-access.ts';
import { requireRouteAccess } from '../../../src/api/route-access.ts';

describe('a route', () => {
  const add = (config: object) => {
    const app = Fastify();
    requireRouteAccess(app);
    app.get('/some', { config }, () => '');
  };

  it('does not start without an access rule', () => {
    expect(() => add({})).toThrow('route GET /some has no access rule');
    expect(() => add({ access: 'anybody' as RouteAccess })).toThrow('has no access rule');
  });

  it('starts with one', () => {
    expect(() => add({ access: 'public' })).not.toThrow();
  });
});
