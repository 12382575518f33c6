import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest, testTenant } from '../support/manifests.ts';
import type { OwnPostgres } from '../support/own-postgres.ts';
import { startOwnPostgres } from '../support/own-postgres.ts';
import { uniqueName } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import type { ApiProcess } from './api/api-process.ts';
import { spawnApi } from './api/api-process.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';

/** Fail closed: whatever is killed, nobody is answered more than the rules allow. */

const servingWithinMs = 10_000;
/** A refusal waits for nothing that is not there. */
const answeredWithinMs = 5_000;

let postgres: OwnPostgres;
let setup: TestApi;
let api: ApiProcess;
let path: string;
let hidden: string;
let keys: Record<'reader' | 'auditor' | 'outsider' | 'leaver' | 'stranger' | 'later', string>;

beforeAll(async () => {
  postgres = await startOwnPostgres();
  setup = await openTestApi(postgres);
  const { namespace } = setup.tenant;
  const region = { field: 'region', op: 'eq', value: '{{identity.attributes.region}}' };
  const rival = testTenant(uniqueName('rival'));
  await setup.provide(
    ...rival.base,
    setup.tenant.schema('order', {
      fields: [
        { name: 'region', type: 'string', filterable: true },
        { name: 'margin', type: 'integer', filterable: true, access: { read: ['auditor'] } },
      ],
      spec: {
        access: {
          roles: ['clerk', 'auditor'].map((role) => ({ role, operations: ['read'] })),
          rowFilter: [{ role: 'clerk', filter: region }],
        },
      },
    }),
    manifest('RoleBinding', 'rita', namespace, {
      ...{ actorId: 'rita', roles: ['clerk'] },
      scopes: [{ schema: 'order', attributes: { region: 'north' } }],
    }),
  );
  path = setup.path('order');
  const make = async (region: string): Promise<string> => {
    const answer = await setup.call(setup.adminKey, {
      ...{ method: 'POST', url: path, payload: { region, margin: 7 } },
    });
    expect(answer.statusCode, answer.body).toBe(201);
    return answer.json().data.id;
  };
  await make('north');
  hidden = await make('south');
  keys = {
    reader: await setup.keyFor('rita', []),
    auditor: await setup.keyFor('audrey', ['auditor']),
    outsider: await setup.keyFor('otto', ['nobody']),
    leaver: await setup.keyFor('leo', ['auditor'], { name: 'leaver' }),
    later: await setup.keyFor('lara', ['auditor'], { name: 'later' }),
    stranger: await setup.keyFor('sven', [], {
      ...{ namespace: rival.namespace, organisation: rival.organisation },
    }),
  };
  await revoke('leaver');
  api = await spawnApi({ VELOCITY_DATABASE_URL: postgres.apiUrl });
});

afterAll(async () => {
  api?.kill('SIGKILL');
  await api?.exited;
  await setup?.close();
});

async function revoke(name: string): Promise<void> {
  const { rowCount } = await setup.operator.query({
    text: 'update platform.api_keys set revoked_at = clock_timestamp() where name = $1',
    values: [name],
  });
  expect(rowCount).toBe(1);
}

interface Told {
  readonly status: number;
  readonly body: string;
  readonly at: number;
  readonly tookMs: number;
}

async function get(key: string, url: string): Promise<Told> {
  const startedAt = performance.now();
  const headers = { authorization: `Bearer ${key}` };
  const answer = await fetch(`${api.url}${url}`, { headers });
  const body = await answer.text();
  const at = performance.now();
  return { status: answer.status, body, at, tookMs: at - startedAt };
}

describe('Postgres killed in the middle of load', () => {
  it('lets nobody through who was not let through before, and all as before once it is back', async () => {
    const asks: Record<string, () => Promise<Told>> = {
      reader: () => get(keys.reader, path),
      auditor: () => get(keys.auditor, `${path}?filter[margin]=7`),
      outsider: () => get(keys.outsider, path),
      leaver: () => get(keys.leaver, path),
      stranger: () => get(keys.stranger, path),
      hiddenField: () => get(keys.reader, `${path}?filter[margin]=7`),
      hiddenRecord: () => get(keys.reader, `${path}/${hidden}`),
    };
    const told = new Map<string, Told[]>(Object.keys(asks).map((name) => [name, []]));
    let asking = true;
    const clients = Object.entries(asks).map(async ([name, ask]) => {
      while (asking) {
        const one = await ask();
        told.get(name)?.push(one);
        await sleep(one.status === 200 ? 5 : 20);
      }
    });
    await sleep(1_500);
    const killedAt = performance.now();
    await postgres.kill();
    await sleep(2_500);
    await postgres.restart();
    const backAt = performance.now();
    const servedAgain = (name: string) => async (): Promise<boolean> =>
      told.get(name)?.some(({ status, at }) => status === 200 && at > backAt) === true;
    await until(servedAgain('reader'), servingWithinMs);
    await until(servedAgain('auditor'), servingWithinMs);
    await sleep(500);
    asking = false;
    await Promise.all(clients);

    const statuses = (name: string): number[] =>
      [...new Set(told.get(name)?.map(({ status }) => status))].sort();
    // What each is answered at any other time, or to come back later: never more than that.
    const usual: Record<string, number> = {
      ...{ reader: 200, auditor: 200, outsider: 403, leaver: 401, stranger: 404 },
      ...{ hiddenField: 400, hiddenRecord: 404 },
    };
    for (const [name, status] of Object.entries(usual)) {
      expect(statuses(name), name).toContain(status);
      expect([status, 503], name).toEqual(expect.arrayContaining(statuses(name)));
    }
    for (const name of ['reader', 'auditor', 'hiddenRecord'])
      expect(statuses(name), name).toContain(503);
    const seen = (told.get('reader') ?? []).filter(({ status }) => status === 200);
    for (const { body } of seen) expect(body).not.toMatch(/south|margin/);
    const lists = new Set(seen.map(({ body }) => JSON.stringify(JSON.parse(body).data)));
    expect(lists.size).toBe(1);
    for (const [name, answers] of told) {
      const during = answers.filter(({ at }) => at > killedAt && at < backAt);
      expect(during.length, name).toBeGreaterThan(0);
      expect(Math.max(...answers.map(({ tookMs }) => tookMs)), name).toBeLessThan(answeredWithinMs);
    }
  });

  it('hears of a revocation again that comes after it', async () => {
    expect((await get(keys.later, path)).status).toBe(200);
    await revoke('later');
    await until(async () => (await get(keys.later, path)).status === 401, servingWithinMs);
  });
});
