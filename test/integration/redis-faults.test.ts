import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from '../support/manifests.ts';
import type { OwnRedis } from '../support/redis.ts';
import { startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import type { ApiProcess } from './api/api-process.ts';
import { spawnApi } from './api/api-process.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import { connect } from './records/trail.ts';

/**
 * Abuse case 7 over two replicas, and the row of the fail-closed matrix (docs/decisions/0003) that is
 * about Redis: killed, silent and back again while requests come in.
 */

/** A silent Redis is waited for a second; the rest is this machine. */
const answeredWithinMs = 3_000;
const recoveredWithinMs = 10_000;

let setup: TestApi;
let redis: OwnRedis;
let replicas: ApiProcess[];
let path: { readonly closed: string; readonly open: string };

beforeAll(async () => {
  [setup, redis] = await Promise.all([openTestApi(), startRedis()]);
  const { namespace } = setup.tenant;
  const roles = [{ role: 'writer', operations: ['*'] }];
  const open = { name: 'open', namespace };
  await setup.provide(
    manifest('AuthStrategy', 'open', namespace, {
      ...{ type: 'apikey', config: { revocation: { backend: 'redis', failOpen: true } } },
    }),
    setup.tenant.schema('ledger', { spec: { access: { roles } } }),
    setup.tenant.schema('memo', { spec: { access: { roles }, auth: { strategyRef: open } } }),
  );
  path = { closed: setup.path('ledger'), open: setup.path('memo') };
  const env = { VELOCITY_DATABASE_URL: setup.database.apiUrl, VELOCITY_REDIS_URL: redis.url };
  replicas = await Promise.all([spawnApi(env), spawnApi(env)]);
});

afterAll(async () => {
  for (const replica of replicas ?? []) replica.kill('SIGKILL');
  await Promise.all((replicas ?? []).map((replica) => replica.exited));
  await Promise.all([setup?.close(), redis?.stop()]);
});

interface Told {
  readonly status: number;
  readonly code: string | undefined;
  readonly ms: number;
  readonly at: number;
}

async function send(
  replica: number,
  key: string,
  method: 'GET' | 'POST' | 'DELETE',
  url: string,
  body?: unknown,
): Promise<Told> {
  const startedAt = performance.now();
  const answer = await fetch(`${replicas[replica]?.url}${url}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  const at = performance.now();
  const { code } = (text === '' ? {} : JSON.parse(text)) as { code?: string };
  return { status: answer.status, code, ms: at - startedAt, at };
}

describe('a revocation in one replica', () => {
  it('is refused at once by the other', async () => {
    for (let n = 0; n < 10; n++) {
      const actor = `actor-${n}`;
      const key = await setup.keyFor(actor, ['writer']);
      // Who has not heard of the key yet refuses it as one that nobody knows.
      for (const replica of [0, 1]) {
        const knows = async () => (await send(replica, key, 'GET', path.closed)).status === 200;
        await until(knows, 5_000);
      }
      const [here, there] = n % 2 === 0 ? [0, 1] : [1, 0];
      if (n < 5) {
        const revocation = { kind: 'actor', id: actor, organisation: setup.tenant.organisation };
        const url = '/api/platform/revocations';
        expect(await send(here, setup.adminKey, 'POST', url, revocation)).toMatchObject({
          status: 201,
        });
      } else {
        const name = await nameOf(actor);
        const url = `/api/platform/api-keys/${setup.tenant.namespace}/${name}`;
        expect(await send(here, setup.adminKey, 'DELETE', url)).toMatchObject({ status: 204 });
      }
      for (const replica of [there, here]) {
        const refused = await send(replica, key, 'GET', path.closed);
        expect(refused).toMatchObject({ status: 401, code: 'AUTH_REVOKED' });
      }
    }
  });
});

async function nameOf(actor: string): Promise<string> {
  const { rows } = await setup.operator.query<{ name: string }>({
    text: 'select name from platform.api_keys where actor = $1',
    values: [actor],
  });
  return rows[0]?.name ?? '';
}

describe('Redis away in the middle of load', { timeout: 120_000 }, () => {
  it.each([
    ['killed', () => redis.kill(), () => redis.restart()],
    ['silent', async () => redis.freeze(), async () => redis.thaw()],
  ])(
    '%s: refused or let in as the strategy says, and well again by itself',
    async (fault, take, give) => {
      const actor = `wanda-${fault}`;
      const [good, bad] = [
        await setup.keyFor(actor, ['writer']),
        await setup.keyFor(`mallory-${fault}`, ['writer']),
      ];
      const revocation = {
        kind: 'actor',
        id: `mallory-${fault}`,
        organisation: setup.tenant.organisation,
      };
      await until(async () => (await send(1, bad, 'GET', path.closed)).status === 200, 5_000);
      expect(
        await send(0, setup.adminKey, 'POST', '/api/platform/revocations', revocation),
      ).toMatchObject({ status: 201 });

      const told = { closed: [] as Told[], open: [] as Told[], revoked: [] as Told[] };
      let sending = true;
      const client = async (list: Told[], ask: (n: number) => Promise<Told>): Promise<void> => {
        for (let n = 0; sending; n++) {
          list.push(await ask(n));
          await sleep(5);
        }
      };
      const clients = [0, 1].flatMap((replica) => [
        client(told.closed, () => send(replica, good, 'GET', path.closed)),
        client(told.open, (n) =>
          send(replica, good, 'POST', path.open, { title: `${fault} ${n}` }),
        ),
        client(told.revoked, () => send(replica, bad, 'GET', path.closed)),
      ]);
      await sleep(1_000);
      const takenAt = performance.now();
      await take();
      await sleep(4_000);
      const givenAt = performance.now();
      await give();
      for (const replica of [0, 1]) {
        await until(
          async () => (await send(replica, good, 'GET', path.closed)).status === 200,
          recoveredWithinMs,
        );
      }
      const wellAt = performance.now();
      await sleep(500);
      sending = false;
      await Promise.all(clients);

      const during = (list: Told[]): Told[] =>
        list.filter(({ at, ms }) => at - ms > takenAt + 1_500 && at < givenAt);
      const outside = (list: Told[]): Told[] =>
        list.filter(({ at, ms }) => at < takenAt || at - ms > wellAt);
      const codes = (list: Told[]): Set<unknown> =>
        new Set(list.map(({ code, status }) => code ?? status));

      expect(codes(told.closed)).toEqual(new Set([200, 'REVOCATION_UNAVAILABLE']));
      expect(codes(during(told.closed))).toEqual(new Set(['REVOCATION_UNAVAILABLE']));
      expect(codes(outside(told.closed))).toEqual(new Set([200]));
      // Whom the strategy lets in is let in all the time; who is revoked never gets through the other one.
      expect(codes(told.open)).toEqual(new Set([201]));
      expect(codes(told.revoked)).toEqual(new Set(['AUTH_REVOKED', 'REVOCATION_UNAVAILABLE']));
      expect(codes(outside(told.revoked))).toEqual(new Set(['AUTH_REVOKED']));
      for (const list of Object.values(told)) {
        expect(Math.max(...list.map(({ ms }) => ms))).toBeLessThan(answeredWithinMs);
        expect(during(list).length).toBeGreaterThan(10);
      }
      // Once it is known to be away nobody waits for it.
      const waits = during(told.closed)
        .map(({ ms }) => ms)
        .toSorted((a, b) => a - b);
      expect(waits[Math.floor(waits.length / 2)]).toBeLessThan(250);

      await expectAudited(actor, told.open.length);
    },
  );

  async function expectAudited(actor: string, writes: number): Promise<void> {
    const superuser = await connect(setup.database.superuserUrl);
    try {
      const { rows } = await superuser.query<{ operation: string; mode: string | null; n: number }>(
        `select operation, fail_mode as mode, count(*)::integer as n
           from platform.audit_log where actor = $1 group by 1, 2 order by 1, 2`,
        [actor],
      );
      const count = (operation: string, mode: string | null): number =>
        rows.find((row) => row.operation === operation && row.mode === mode)?.n ?? 0;
      expect(count('create', 'open') + count('create', null)).toBe(writes);
      expect(count('create', 'open')).toBeGreaterThan(10);
      expect(count('create', null)).toBeGreaterThan(10);
      // Once a minute each replica says that it let somebody in, or turned them away.
      expect(count('authenticate', 'open')).toBeGreaterThan(0);
      expect(count('authenticate', 'closed')).toBeGreaterThan(0);
    } finally {
      await superuser.end();
    }
  }
});
