import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBootstrapKey } from '../../src/auth/bootstrap-key.ts';
import { testTenant } from '../support/manifests.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { createTestDatabase, uniqueName } from '../support/postgres.ts';
import type { Release, ReleaseProcess } from '../support/release.ts';
import { commitBefore, previousRelease, thisRelease, unpackRelease } from '../support/release.ts';
import { makeServerFolder } from '../support/server-folder.ts';
import type { TestTemporal } from '../support/temporal.ts';
import { startTemporal } from '../support/temporal.ts';

/**
 * What was there before serves, the database is migrated under it, this release comes up beside it, and
 * the former is ended: no request fails and no write is lost.
 */
describe.each([
  ['the previous release', previousRelease],
  ['the commit before this one', commitBefore],
])('over %s', (_name, findCommit) => {
  let folder: string;
  let database: TestDatabase;
  let temporal: TestTemporal;
  let previous: Release | undefined;
  let empty: string;
  const running: ReleaseProcess[] = [];
  const tenant = testTenant(uniqueName('acme'));
  const records = `/api/${tenant.organisation}/shop/sales/item/v1`;

  beforeAll(async () => {
    folder = await makeServerFolder();
    previous = await unpackRelease(await findCommit(), join(folder, 'previous'));
    if (previous === undefined) return;
    [database, temporal] = await Promise.all([createTestDatabase(), startTemporal()]);
    empty = `${database.name}_rolling`;
    await asSuperuser(`create database ${empty}`);
  });

  afterAll(async () => {
    await Promise.all(running.map((each) => each.end('SIGKILL')));
    await temporal?.stop();
    if (empty !== undefined) await asSuperuser(`drop database if exists ${empty} with (force)`);
    await database?.drop();
    await rm(folder, { recursive: true, force: true });
  });

  async function asSuperuser(text: string): Promise<void> {
    const admin = new pg.Client(database.superuserUrl);
    await admin.connect();
    await admin.query(text);
    await admin.end();
  }

  const at = (url: string): string => url.replace(`/${database.name}`, `/${empty}`);

  function envOf(role: 'api' | 'operator'): Record<string, string> {
    return {
      VELOCITY_DATABASE_URL: at(role === 'api' ? database.apiUrl : database.operatorUrl),
      VELOCITY_TEMPORAL_ADDRESS: temporal.address,
      VELOCITY_CURSOR_SECRET: 'the same for every replica, as it is in production',
      VELOCITY_PORT: '0',
      // The traffic is of one actor, as fast as it is answered.
      VELOCITY_RATE_LIMIT: 'off',
    };
  }

  const migrate = (release: Release): Promise<string> =>
    release.run(['migrate', '--bootstrap-url', at(database.superuserUrl)], envOf('operator'));

  interface Fleet {
    readonly api: ReleaseProcess;
    readonly others: readonly ReleaseProcess[];
  }

  async function startFleet(release: Release): Promise<Fleet> {
    const [api, ...others] = await Promise.all([
      release.start('api', envOf('api')),
      release.start('worker', envOf('operator')),
      release.start('operator', envOf('operator')),
    ]);
    running.push(api, ...others);
    return { api, others };
  }

  /** Requests that go round all APIs, until they are stopped. */
  function startTraffic(adminKey: string, apis: Set<string>) {
    const failures: string[] = [];
    const written = new Map<string, string>();
    let requests = 0;
    let stopped = false;
    const call = async (api: string, method: string, path: string, body?: unknown) => {
      requests += 1;
      const answer = await fetch(`${api}${path}`, {
        method,
        headers: { 'x-api-key': adminKey, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      if (answer.status >= 300) failures.push(`${method} ${api} ${answer.status} ${text}`);
      return text === '' ? undefined : JSON.parse(text);
    };
    const run = async (name: string): Promise<void> => {
      for (let n = 0; !stopped; n++) {
        const [one = '', other = one] = n % 2 === 0 ? [...apis] : [...apis].reverse();
        try {
          const made = await call(one, 'POST', records, { title: `${name} ${n}` });
          const { id, version } = made.data;
          // What one release has written the other reads and changes.
          await call(other, 'GET', `${records}/${id}`);
          const title = `${name} ${n} changed`;
          await call(other, 'PATCH', `${records}/${id}`, { title, version });
          written.set(id, title);
          await call(one, 'GET', `${records}?limit=5&filter[title]=x`);
        } catch (error) {
          failures.push(String(error));
        }
        await sleep(5);
      }
    };
    const done = Promise.all([run('a'), run('b'), run('c')]);
    return {
      call,
      failures,
      written,
      requests: () => requests,
      stop: async () => {
        stopped = true;
        await done;
      },
    };
  }

  it('this release takes its place while requests go on', async (context) => {
    if (previous === undefined) {
      return context.skip('this clone does not have that commit: git fetch --unshallow');
    }
    await migrate(previous);
    const adminKey = await ensureBootstrapKey(at(database.superuserUrl), { env: 'test' });
    const old = await startFleet(previous);
    const apis = new Set([old.api.address]);
    const shape = async (api: string, ...manifests: object[]): Promise<void> => {
      const answer = await fetch(`${api}/api/platform/objects`, {
        method: 'POST',
        headers: { 'x-api-key': adminKey, 'content-type': 'application/json' },
        body: JSON.stringify({ items: manifests }),
      });
      expect(answer.status, await answer.text()).toBeLessThan(300);
    };
    const untilServed = async (api: string, field: string): Promise<void> => {
      const answers = async () => {
        const headers = { 'x-api-key': adminKey };
        const answer = await fetch(`${api}${records}?limit=1&select=${field}`, { headers });
        await answer.arrayBuffer();
        return answer.status;
      };
      await expect.poll(answers, { timeout: 30_000 }).toBe(200);
    };
    const title = { name: 'title', type: 'string', filterable: true };
    const item = (...fields: object[]) => tenant.schema('item', { fields: [title, ...fields] });
    await shape(old.api.address, ...tenant.base, item());
    await untilServed(old.api.address, 'title');

    const traffic = startTraffic(adminKey, apis);
    try {
      await sleep(1_000);
      expect(await migrate(thisRelease)).toMatch(/migrations applied|up to date/);
      // The previous release serves the migrated database, and changes schemas in it.
      await shape(old.api.address, item({ name: 'size', type: 'integer', filterable: true }));
      await untilServed(old.api.address, 'size');

      await shape(old.api.address, tenant.schema('late', { fields: [title] }));
      const fresh = await startFleet(thisRelease);
      apis.add(fresh.api.address);
      await sleep(1_500);
      apis.delete(old.api.address);
      for (const each of [old.api, ...old.others]) expect(await each.end('SIGTERM')).toBe(0);
      const wider = [
        { name: 'size', type: 'string', filterable: true },
        { name: 'due', type: 'date' },
      ];
      await shape(fresh.api.address, item(...wider));
      await untilServed(fresh.api.address, 'due');
      // A table that the previous release made in the migrated database lacks nothing.
      const lates = records.replace('/item/', '/late/');
      const made = await traffic.call(fresh.api.address, 'POST', lates, { title: 'late' });
      const past = await traffic.call(fresh.api.address, 'GET', `${lates}/${made.data.id}/history`);
      expect(past.data).toMatchObject([{ operation: 'create', record: { title: 'late' } }]);
      await sleep(500);
    } finally {
      await traffic.stop();
    }
    expect(traffic.failures.slice(0, 5)).toEqual([]);
    expect(traffic.requests()).toBeGreaterThan(200);

    const client = new pg.Client(at(database.superuserUrl));
    await client.connect();
    const table = `${tenant.namespace.replaceAll('-', '_')}.item_v1`;
    const { rows } = await client.query(
      `select t.id, t.title, t.version::integer, (select count(*)::integer from ${table}_history h where h.id = t.id) as versions
       from ${table} t`,
    );
    await client.end();
    const kept = new Map(rows.map((row) => [row.id, row]));
    const lost = [...traffic.written].filter(([id, text]) => kept.get(id)?.title !== text);
    expect(lost).toEqual([]);
    expect(rows.filter(({ version, versions }) => version !== versions)).toEqual([]);
  }, 180_000);
});
