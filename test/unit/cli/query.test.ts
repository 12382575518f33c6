import { describe, expect, it } from 'vitest';
import type { Asked, Route } from './local-api.ts';
import { airportPath, airportRoutes, startLocalApi } from './local-api.ts';
import { runVelocity } from './run-velocity.ts';

const record = (iata: string) => ({
  id: `id-${iata}`,
  version: 1,
  iata,
  position: { lat: 1, lon: 2 },
  created_at: '2026-01-01T00:00:00Z',
});

/** Two pages of one record each. */
const pages: Route = (asked: Asked) => {
  const cursor = asked.query.get('cursor') ?? (asked.body && JSON.parse(asked.body).cursor);
  return cursor
    ? { body: { data: [record('DAL')], pagination: { limit: 1, cursor: null } } }
    : { body: { data: [record('AUS')], pagination: { limit: 1, cursor: 'next' } } };
};

const startApi = () =>
  startLocalApi({
    ...airportRoutes,
    [`GET /api/${airportPath}`]: pages,
    [`POST /api/${airportPath}/query`]: pages,
  });

describe('query', () => {
  it('asks the list route with filters, sort and selection', async () => {
    const api = await startApi();
    const argv = ['-f', 'gates>=10', '-f', 'name~air', '-s', '-gates', '--select', 'iata,name'];
    const ran = await runVelocity(['query', 'airport', ...argv, '--url', api.url]);
    expect(ran.exitCode).toBe(0);
    expect(Object.fromEntries(api.asked.at(-1)!.query)).toEqual({
      'filter[gates][gte]': '10',
      'filter[name][contains]': 'air',
      sort: '-gates',
      select: 'iata,name',
    });
    expect(ran.stderr).toContain('--all, or --cursor next');
  });

  it('joins --where and filters in one query body', async () => {
    const api = await startApi();
    const where = '{"or":[{"field":"open","op":"eq","value":true}]}';
    const argv = ['query', 'airport', '--where', where, '-f', 'gates>10', '--url', api.url];
    expect((await runVelocity(argv)).exitCode).toBe(0);
    expect(JSON.parse(api.asked.at(-1)!.body)).toEqual({
      where: { and: [{ field: 'gates', op: 'gt', value: '10' }, JSON.parse(where)] },
    });
  });

  it('shows the data in tables, without columns that are the same everywhere', async () => {
    const api = await startApi();
    const { stdout } = await runVelocity(['query', 'airport/v1', '--all', '--url', api.url]);
    expect(stdout).toBe(
      'id      version  iata  position\nid-AUS  1        AUS   1,2\nid-DAL  1        DAL   1,2\n',
    );
  });

  it.each(['json', 'yaml'] as const)('prints every page as one %s document', async (format) => {
    const api = await startApi();
    const argv = ['query', 'airport', '--all', '-o', format, '--url', api.url];
    const { stdout } = await runVelocity(argv);
    const { parse } = await import('yaml');
    const data: unknown = format === 'json' ? JSON.parse(stdout) : parse(stdout);
    expect(data).toEqual([record('AUS'), record('DAL')]);
  });

  it('keeps control characters of records away from the terminal', async () => {
    const name = 'a\u001b[31mb\nc';
    const api = await startLocalApi({
      ...airportRoutes,
      [`GET /api/${airportPath}`]: () => ({ body: { data: [{ name }], pagination: { limit: 1 } } }),
    });
    const { stdout } = await runVelocity(['query', 'airport', '--url', api.url]);
    expect(stdout).toBe('name\na [31mb c\n');
  });
});

describe('schema names', () => {
  const routes = (...paths: string[]) => ({
    'GET /api': () => ({ body: { data: paths.map((path) => ({ path })) } }),
    ...Object.fromEntries(paths.map((path) => [`GET /api/${path}`, pages])),
  });
  const asked = async (text: string, ...paths: string[]) => {
    const api = await startLocalApi(routes(...paths));
    const ran = await runVelocity(['query', text, '--url', api.url]);
    return { ...ran, path: api.asked.at(-1)?.path };
  };

  it('may be short where only one schema ends so; the newest version counts', async () => {
    const paths = ['acme/erp/buy/order/v2', 'acme/erp/buy/order/v10', 'acme/erp/buy/order-line/v1'];
    expect(await asked('order', ...paths)).toMatchObject({ path: '/api/acme/erp/buy/order/v10' });
    expect(await asked('order/v2', ...paths)).toMatchObject({ path: '/api/acme/erp/buy/order/v2' });
    expect(await asked('buy/order-line', ...paths)).toMatchObject({
      path: '/api/acme/erp/buy/order-line/v1',
    });
  });

  it('are refused when several fit or none does', async () => {
    const paths = ['acme/erp/buy/order/v1', 'acme/erp/sell/order/v1'];
    expect(await asked('order', ...paths)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining(paths.join(', ')),
    });
    expect(await asked('ordr', ...paths)).toMatchObject({ exitCode: 3 });
  });
});
