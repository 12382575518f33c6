import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OwnPostgres } from '../../support/own-postgres.ts';
import { startOwnPostgres } from '../../support/own-postgres.ts';
import type { ApiProcess } from '../api/api-process.ts';
import { spawnApi } from '../api/api-process.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import { everythingSchemas } from './everything-schema.ts';
import { connect, trailOf, trailProblems } from './trail.ts';

/** Guarantee 4. */

const clientsCount = 8;
const servingWithinMs = 10_000;

let postgres: OwnPostgres;
let setup: TestApi;
let api: ApiProcess;
let key: string;

beforeAll(async () => {
  postgres = await startOwnPostgres();
  setup = await openTestApi(postgres);
  await setup.provide(...everythingSchemas(setup.tenant));
  key = await setup.keyFor('wanda', ['writer']);
  api = await spawnApi({ VELOCITY_DATABASE_URL: postgres.apiUrl });
});

afterAll(async () => {
  api?.kill('SIGKILL');
  await api?.exited;
  await setup?.close();
});

/** What a client was told of one write; `unknown`: it may have happened. */
interface Told {
  readonly title: string;
  readonly outcome: 'ok' | 'unknown' | 'refused';
  readonly status: number;
  readonly at: number;
}

async function write(title: string): Promise<Told> {
  const answer = await fetch(`${api.url}${setup.path('thing')}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ title }),
  });
  await answer.text();
  const { status } = answer;
  const outcome = status === 201 ? 'ok' : status === 503 ? 'unknown' : 'refused';
  return { title, outcome, status, at: performance.now() };
}

describe('Postgres killed under load', () => {
  it('is answered 503, loses nothing acknowledged, and the API serves again by itself', async () => {
    const told: Told[] = [];
    let writing = true;
    const client = async (index: number): Promise<void> => {
      for (let n = 0; writing; n++) {
        const one = await write(`load-${index}-${n}`);
        told.push(one);
        if (one.outcome !== 'ok') await sleep(20);
      }
    };
    const clients = Array.from({ length: clientsCount }, (_, index) => client(index));
    await sleep(1_500);
    await postgres.kill();
    const killedAt = performance.now();
    await sleep(1_500);
    const ready = await fetch(`${api.url}/healthz`);
    expect(ready.status).toBe(200);
    await postgres.restart();
    const backAt = performance.now();
    while (!told.some(({ outcome, at }) => outcome === 'ok' && at > backAt)) {
      expect(performance.now() - backAt).toBeLessThan(servingWithinMs);
      await sleep(20);
    }
    await sleep(500);
    writing = false;
    await Promise.all(clients);

    expect(new Set(told.map(({ status }) => status))).toEqual(new Set([201, 503]));
    expect(
      told.filter(({ outcome, at }) => outcome === 'ok' && at < killedAt).length,
    ).toBeGreaterThan(20);
    const superuser = await connect(postgres.superuserUrl);
    try {
      const trail = trailOf(setup, 'thing');
      const { rows } = await superuser.query<{ title: string; count: number }>(
        `select title, count(*)::integer from ${trail.table} where title like 'load-%' group by title`,
      );
      const kept = new Map(rows.map(({ title, count }) => [title, count]));
      const lost = told.filter(({ title, outcome }) => outcome === 'ok' && kept.get(title) !== 1);
      expect(lost).toEqual([]);
      expect([...kept.values()].every((count) => count === 1)).toBe(true);
      expect(await trailProblems(superuser, trail)).toEqual([]);
    } finally {
      await superuser.end();
    }
  });
});
