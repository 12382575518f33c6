import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/api/app.ts';
import { openKeyUse } from '../../src/auth/key-use.ts';
import { channels } from '../../src/contract/names.ts';
import { listen } from '../../src/store/listen.ts';
import { manifest } from '../support/manifests.ts';
import { until } from '../support/until.ts';
import { runVelocity } from '../unit/cli/run-velocity.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';

let api: TestApi;
let namespace: string;
let url: string;
/** Administers the domain. */
let dora: string;
const keys = '/api/platform/api-keys';

beforeAll(async () => {
  api = await openTestApi();
  namespace = api.tenant.namespace;
  const { organisation } = api.tenant;
  const roles = [{ role: 'writer', operations: ['create', 'read', 'update'] }];
  await api.provide(
    manifest('Organisation', organisation, organisation, {
      ...{ displayName: 'Acme', adminRoles: ['org-admin'] },
    }),
    api.tenant.schema('note', { spec: { access: { roles } } }),
    manifest('RoleBinding', 'loader', namespace, { actorId: 'loader', roles: ['writer'] }),
  );
  dora = await api.keyFor('dora', ['sales-admin']);
  url = await api.app.listen({ port: 0 });
});

afterAll(() => api?.close());

async function issue(name: string, more: object = {}): Promise<string> {
  const payload = { name, namespace, actor: 'loader', ...more };
  const answer = await api.call(dora, { method: 'POST', url: keys, payload });
  expect(answer.statusCode, answer.body).toBe(201);
  return answer.json().data.key as string;
}

const rotate = (name: string, payload: object = {}, headers: Record<string, string> = {}) =>
  api.call(dora, { method: 'POST', url: `${keys}/${namespace}/${name}/rotate`, payload, headers });

/** What a replica answers to a key, by its status and code, at a time. */
async function outcome(key: string, nowMs = Date.now(), app = api.app): Promise<unknown> {
  const replica = nowMs === 0 ? app : buildApp({ ...api.deps, now: () => nowMs });
  const answer = await replica.inject({
    ...{ url: api.path('note'), headers: { authorization: `Bearer ${key}` } },
  });
  return answer.statusCode === 200 ? 200 : answer.json().code;
}

describe('a rotation', () => {
  it('lets both texts count for the overlap, to its instant, and shows the new one once', async () => {
    const before = await issue('rotated');
    const answer = await rotate('rotated', { overlap: '2h', env: 'ci' });
    expect(answer.statusCode, answer.body).toBe(201);
    const { key, previousValidUntil } = answer.json().data;
    expect(key).toMatch(/^vel_ci_/);
    const ends = Date.parse(previousValidUntil);
    expect(Math.abs(ends - Date.now() - 7_200_000)).toBeLessThan(60_000);
    expect([await outcome(before), await outcome(key)]).toEqual([200, 200]);
    expect([await outcome(before, ends - 1), await outcome(key, ends - 1)]).toEqual([200, 200]);
    expect([await outcome(before, ends), await outcome(key, ends)]).toEqual(['AUTH_EXPIRED', 200]);
    const shown = await api.call(dora, {
      url: `/api/platform/objects/apikey/${namespace}/rotated`,
    });
    expect(shown.body).not.toContain(key);
    expect(shown.json().data.status.previous).toMatchObject([{ validUntil: expect.any(String) }]);
  });

  it('with no overlap ends the text before at once', async () => {
    const before = await issue('hasty');
    const { key } = (await rotate('hasty', { overlap: '0s' })).json().data;
    expect([await outcome(before), await outcome(key)]).toEqual(['AUTH_EXPIRED', 200]);
  });

  it('that is asked for again under the same idempotency key is made once', async () => {
    const before = await issue('once');
    const once = { 'idempotency-key': '2026-11' };
    const answers = await Promise.all([1, 2, 3].map(() => rotate('once', {}, once)));
    expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([200, 200, 201]);
    const made = answers.find(({ statusCode }) => statusCode === 201)!.json().data;
    for (const answer of answers.filter(({ statusCode }) => statusCode === 200)) {
      expect(answer.headers['idempotency-replayed']).toBe('true');
      expect(answer.json().data).toEqual({
        ...{ namespace, name: 'once', previousValidUntil: made.previousValidUntil },
      });
    }
    expect([await outcome(before), await outcome(made.key)]).toEqual([200, 200]);
    const next = await rotate('once', {}, { 'idempotency-key': '2026-12' });
    expect(next.statusCode).toBe(201);
    // An answer that was lost ends nothing early: every text has its own overlap.
    expect([await outcome(before), await outcome(made.key)]).toEqual([200, 200]);
  });

  it('is refused when too many texts count already, and never outlives the key', async () => {
    const expiry = new Date(Date.now() + 3_600_000).toISOString();
    await issue('short', { expiry });
    const first = await rotate('short', { overlap: '30d' });
    expect(Date.parse(first.json().data.previousValidUntil)).toBe(Date.parse(expiry));
    for (let i = 0; i < 3; i++) expect((await rotate('short')).statusCode).toBe(201);
    expect((await rotate('short')).json()).toMatchObject({ status: 429, code: 'QUOTA_EXCEEDED' });
  });

  it('leaves what narrows a key to reach all its texts, and revoking ends them', async () => {
    const before = await issue('whole');
    const { key } = (await rotate('whole')).json().data;
    await api.operator.query({
      text: `update platform.api_keys set scopes = '[{"schema": "other"}]' where name = 'whole'`,
    });
    await api.deps.registry.refresh();
    const refused = 'AUTH_INSUFFICIENT_SCOPES';
    expect([await outcome(before), await outcome(key)]).toEqual([refused, refused]);
    await api.call(dora, { method: 'DELETE', url: `${keys}/${namespace}/whole` });
    expect([await outcome(before), await outcome(key)]).toEqual(['AUTH_REVOKED', 'AUTH_REVOKED']);
    expect((await rotate('whole')).json()).toMatchObject({ code: 'ENTITY_NOT_FOUND' });

    const again = await issue('whole', { scopes: undefined });
    expect(await outcome(before), 'a key issued anew brings none back').toBe('AUTH_EXPIRED');
    expect(await outcome(again)).not.toBe('AUTH_EXPIRED');
  });

  it('is for those who might have the key issued', async () => {
    await issue('guarded');
    const path = `${keys}/${namespace}/guarded/rotate`;
    const writer = await api.keyFor('walt', ['writer']);
    expect((await api.call(writer, { method: 'POST', url: path })).statusCode).toBe(403);
    await api.keyFor('olga', ['org-admin']);
    const ofOlga = { name: 'of-olga', namespace, actor: 'olga' };
    await api.call(api.adminKey, { method: 'POST', url: keys, payload: ofOlga });
    expect((await rotate('of-olga')).json()).toMatchObject({ status: 403, code: 'RBAC_DENIED' });
    expect((await rotate('nothing')).json()).toMatchObject({ code: 'ENTITY_NOT_FOUND' });
    for (const payload of [{ overlap: '31d' }, { overlap: 'soon' }, { env: 'X' }, { more: 1 }]) {
      expect((await rotate('guarded', payload)).json()).toMatchObject({ code: 'VALIDATION_ERROR' });
    }
  });

  it('is made by velocity api-key rotate', async () => {
    const before = await issue('typed');
    const argv = ['api-key', 'rotate', 'typed', '-n', namespace, '--overlap', '1h', '--once', 'a'];
    const run = () => runVelocity([...argv, '--url', url, '--api-key', dora, '-o', 'json']);
    const { stdout, stderr, exitCode } = await run();
    expect(exitCode, stderr).toBe(0);
    const { key, previousValidUntil } = JSON.parse(stdout);
    expect([await outcome(before), await outcome(key)]).toEqual([200, 200]);
    expect(stderr).toContain(`counts until ${previousValidUntil}`);
    const again = await run();
    expect(JSON.parse(again.stdout)).not.toHaveProperty('key');
  });
});

/** What every replica's registry hears from now on. */
async function listenToRegistry(): Promise<{ told: () => number; stop: () => Promise<void> }> {
  const connected = Promise.withResolvers<void>();
  const end = new AbortController();
  let told = 0;
  const listening = listen({
    ...{ connectionString: api.database.apiUrl, channels: [channels.registry] },
    onNotification: () => {
      told += 1;
    },
    onConnected: connected.resolve,
    onDisconnected: connected.reject,
    signal: end.signal,
  });
  await connected.promise;
  const stop = (): Promise<void> => {
    end.abort();
    return listening;
  };
  return { told: () => told, stop };
}

describe('the last use of a key', () => {
  it('is written down beside the requests, in batches, and shown', async () => {
    const before = await issue('used');
    const { key } = (await rotate('used')).json().data;
    let nowMs = Date.parse('2030-01-01T12:00:00Z');
    const keyUse = openKeyUse({
      ...{ pool: api.deps.pool, now: () => nowMs },
      onError: (cause) => expect.unreachable(String(cause)),
    });
    const app = buildApp({ ...api.deps, keyUse });
    const shown = async () => {
      const path = `/api/platform/objects/apikey/${namespace}/used`;
      return (await api.call(dora, { url: path })).json().data.status;
    };
    expect(await shown()).not.toHaveProperty('lastUsedAt');
    const { told, stop } = await listenToRegistry();
    for (const each of [key, key, before]) await outcome(each, 0, app);
    expect(await shown()).not.toHaveProperty('lastUsedAt');
    await keyUse.flush();
    expect(Date.parse((await shown()).lastUsedAt)).toBe(nowMs);
    expect(Date.parse((await shown()).previous[0].lastUsedAt)).toBe(nowMs);

    // Another replica that is behind does not turn it back.
    nowMs -= 60_000;
    await outcome(key, 0, app);
    await keyUse.flush();
    expect(Date.parse((await shown()).lastUsedAt)).toBe(nowMs + 60_000);
    await outcome('vel_live_nonsense', 0, app);
    await keyUse.close();
    expect(told(), 'no registry is read anew because a key was used').toBe(0);
    await rotate('used');
    await until(async () => told() > 0, 5_000);
    await stop();
    const table = await runVelocity([
      ...['get', 'apikey', 'used', '-n', namespace, '--url', url, '--api-key', dora],
    ]);
    expect(table.stdout).toContain('USED');
  });

  it('is kept for the next time while the database is away', async () => {
    const key = await issue('offline');
    let failures = 0;
    let away = true;
    const query: typeof api.deps.pool.query = (statement) =>
      away ? Promise.reject(new Error('away')) : api.deps.pool.query(statement);
    const keyUse = openKeyUse({
      pool: { ...api.deps.pool, query },
      now: Date.now,
      onError: () => {
        failures += 1;
      },
    });
    await outcome(key, 0, buildApp({ ...api.deps, keyUse }));
    await keyUse.flush();
    expect(failures).toBe(1);
    away = false;
    await keyUse.close();
    const { rows } = await api.operator.query<{ used: boolean }>({
      text: `select last_used_at is not null as used from platform.api_keys where name = 'offline'`,
    });
    expect(rows).toEqual([{ used: true }]);
  });
});

describe('a key with an allow-list', () => {
  let key: string;
  beforeAll(async () => {
    key = await issue('placed', { ipAllowlist: ['203.0.113.0/24', '2001:db8::/32'] });
  });

  async function from(
    trustedProxies: string[],
    remoteAddress: string,
    forwarded?: string,
  ): Promise<number> {
    const app = buildApp({ ...api.deps, trustedProxies });
    const answer = await app.inject({
      ...{ url: api.path('note'), remoteAddress },
      headers: {
        authorization: `Bearer ${key}`,
        ...(forwarded !== undefined && { 'x-forwarded-for': forwarded }),
      },
    });
    return answer.statusCode;
  }

  it.each([
    ['203.0.113.9', undefined, 200],
    ['::ffff:203.0.113.9', undefined, 200],
    ['2001:db8:1::5', undefined, 200],
    ['198.51.100.1', undefined, 401],
    ['198.51.100.1', '203.0.113.9', 401],
    ['203.0.113.9', '198.51.100.1', 200],
  ])(
    'from %s, forwarded for %s and nobody trusted, is answered %d',
    async (peer, header, status) => {
      expect(await from([], peer, header)).toBe(status);
    },
  );

  it.each([
    ['10.1.1.1', '203.0.113.9', 200],
    ['::ffff:10.1.1.1', '203.0.113.9', 200],
    ['10.1.1.1', '198.51.100.1', 401],
    // Whoever calls the proxy wrote what stands further left.
    ['10.1.1.1', '203.0.113.9, 198.51.100.1', 401],
    ['10.1.1.1', '198.51.100.1, 203.0.113.9', 200],
    ['10.1.1.1', '203.0.113.9, 10.2.2.2', 200],
    ['10.1.1.1', '203.0.113.9, garbage', 401],
    ['10.1.1.1', 'garbage, 203.0.113.9', 200],
    ['10.1.1.1', undefined, 401],
    ['198.51.100.1', '203.0.113.9', 401],
    ['198.51.100.1', '203.0.113.9, 10.1.1.1', 401],
  ])(
    'from %s, forwarded for %s by a trusted proxy, is answered %d',
    async (peer, header, status) => {
      expect(await from(['10.0.0.0/8'], peer, header)).toBe(status);
    },
  );

  it('does not let a caller pass for this machine', async () => {
    const app = buildApp({ ...api.deps, trustedProxies: ['10.0.0.0/8'] });
    const status = async (remoteAddress: string, forwarded: string) =>
      (
        await app.inject({
          ...{ url: '/metrics', remoteAddress, headers: { 'x-forwarded-for': forwarded } },
        })
      ).statusCode;
    expect(await status('198.51.100.1', '127.0.0.1')).toBe(403);
    expect(await status('10.1.1.1', '127.0.0.1')).toBe(403);
    expect(await status('127.0.0.1', '198.51.100.1')).toBe(200);
  });
});

describe('a key with field limits', () => {
  it('reads and writes those fields and no others, wherever they are named', async () => {
    const scopes = [
      {
        schema: 'note',
        operations: ['read', 'create', 'update'],
        fields: { read: ['title', 'amount'], write: ['title'] },
      },
    ];
    const key = await issue('limited', { scopes });
    const blind = await issue('blind', {
      scopes: [{ schema: 'note', operations: ['read'], fields: { read: ['title'] } }],
    });
    const post = (text: string, payload: object) =>
      api.call(text, { method: 'POST', url: api.path('note'), payload });
    expect((await post(key, { title: 'a', amount: 1 })).json()).toMatchObject({
      ...{ status: 403, code: 'FIELD_ACCESS_DENIED' },
    });
    const created = (await post(key, { title: 'a' })).json().data;
    expect(created).toMatchObject({ title: 'a', amount: null });
    const read = (text: string, query = '') =>
      api.call(text, { url: `${api.path('note')}/${created.id}${query}` });
    expect((await read(blind)).json().data).not.toHaveProperty('amount');
    expect((await read(blind)).json().data).toMatchObject({ title: 'a', version: 1 });
    for (const query of ['?filter[amount]=1', '?sort=amount', '?select=amount']) {
      const hidden = await api.call(blind, { url: `${api.path('note')}${query}` });
      const missing = await api.call(blind, {
        url: `${api.path('note')}${query.replace('amount', 'nothing')}`,
      });
      expect(hidden.json().code, query).toBe(missing.json().code);
      expect(hidden.statusCode, query).toBe(400);
    }
    const history = await api.call(blind, { url: `${api.path('note')}/${created.id}/history` });
    expect(history.statusCode).toBe(403);
    expect((await api.call(blind, { url: '/api/openapi.json' })).body).not.toContain('"amount"');
  });
});
