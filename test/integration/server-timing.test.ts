import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { timedRecords } from '../../src/api/plugins/server-timing.ts';
import { manifest } from '../support/manifests.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import type { Caller } from './records/call.ts';
import { callerOf } from './records/call.ts';

let api: TestApi;
let path: string;
const callers: Record<string, Caller> = {};

beforeAll(async () => {
  api = await openTestApi();
  const { organisation, namespace } = api.tenant;
  const access = { defaultRole: 'reader', adminRole: 'sales-admin' };
  const domain = (name: string, more: object) =>
    manifest('Domain', name, `${organisation}-shop-${name}`, {
      ...{ app: 'shop', displayName: name, access: { ...access, ...more } },
    });
  const roles = [{ role: 'writer', operations: ['*'] }];
  await api.provide(
    domain('sales', { diagnosticsRole: 'plumber' }),
    api.tenant.schema('note', { spec: { access: { roles } } }),
    manifest('RoleBinding', 'scoped', namespace, {
      ...{ actorId: 'scoped', roles: ['writer', 'plumber'] },
      scopes: [{ schema: 'note' }],
    }),
    manifest('RoleBinding', 'past', namespace, {
      ...{ actorId: 'past', roles: ['plumber'], expiresAt: '2020-01-01T00:00:00Z' },
    }),
  );
  path = api.path('note');
  for (const [actor, held] of [
    ['diagnoser', ['writer', 'plumber']],
    ['writer', ['writer']],
    ['scoped', []],
  ] as const) {
    callers[actor] = callerOf(api, await api.keyFor(actor, [...held]));
  }
  await api.provide(
    manifest('RoleBinding', 'past-writes', namespace, { actorId: 'past', roles: ['writer'] }),
  );
  callers['past'] = callerOf(api, await api.keyFor('past', []));
  callers['scopedKey'] = callerOf(
    api,
    await api.keyFor('diagnoser', [], { scopes: [{ schema: 'note' }] }),
  );
  callers['admin'] = callerOf(api, api.adminKey);
});

afterAll(() => api?.close());

/** Stages and their milliseconds; fails on a header that is not well formed. */
function stagesOf(header: unknown): Record<string, number> {
  expect(header).toMatch(/^[a-z]+;dur=\d+\.\d{3}(, [a-z]+;dur=\d+\.\d{3})*$/);
  return Object.fromEntries(
    String(header)
      .split(', ')
      .map((stage) => stage.split(';dur='))
      .map(([name, ms]) => [name, Number(ms)]),
  );
}

describe('Server-Timing', () => {
  it('tells who holds the diagnostics role where the time went', async () => {
    const before = performance.now();
    const answer = await callers['diagnoser']!('POST', path, { body: { title: 'timed' } });
    const tookMs = performance.now() - before;
    expect(answer.statusCode, answer.body).toBe(201);
    const { auth, body, plan, db, total, ...others } = stagesOf(answer.headers['server-timing']);
    expect(others).toEqual({});
    expect(db).toBeGreaterThan(0);
    expect(auth! + body! + plan! + db!).toBeLessThanOrEqual(total! + 0.01);
    expect(total).toBeLessThanOrEqual(tookMs);
  });

  it('counts the time in the database as such', async () => {
    const holder = await api.operator.transaction(async (tx) => {
      const table = `${api.tenant.namespace.replaceAll('-', '_')}.note_v1`;
      await tx.query({ text: `lock table ${table} in access exclusive mode` });
      const waiting = callers['diagnoser']!('GET', path);
      await tx.query({ text: 'select pg_sleep(0.3)' });
      return { waiting };
    });
    const answer = await holder.waiting;
    expect(answer.statusCode).toBe(200);
    const { db, total } = stagesOf(answer.headers['server-timing']);
    expect(db).toBeGreaterThan(200);
    expect(total! - db!).toBeLessThan(db!);
  });

  it('is there on a refusal too, as far as the request came', async () => {
    const answer = await callers['diagnoser']!('POST', path, { body: { nothing: 1 } });
    expect(answer.statusCode).toBe(400);
    expect(Object.keys(stagesOf(answer.headers['server-timing']))).toEqual([
      'auth',
      'body',
      'total',
    ]);
  });

  it('goes to the bootstrap key everywhere', async () => {
    expect((await callers['admin']!('GET', path)).headers).toHaveProperty('server-timing');
    expect((await callers['admin']!('GET', '/api')).headers).toHaveProperty('server-timing');
  });

  it.each(['writer', 'scoped', 'past', 'scopedKey'])('is kept from %s', async (actor) => {
    for (const [method, url, send] of [
      ['GET', path, {}],
      ['POST', path, { body: { title: actor } }],
      ['GET', '/api', {}],
    ] as const) {
      const answer = await callers[actor]!(method, url, send);
      expect(answer.statusCode, answer.body).toBeLessThan(300);
      expect(answer.headers).not.toHaveProperty('server-timing');
    }
  });

  it('is kept from callers that are nobody', async () => {
    const answer = await callerOf(api, undefined)('GET', path);
    expect(answer.statusCode).toBe(401);
    expect(answer.headers).not.toHaveProperty('server-timing');
  });

  it('leaves the parts of everybody else as they are', () => {
    expect(timedRecords(api.deps.records, null)).toBe(api.deps.records);
  });
});
