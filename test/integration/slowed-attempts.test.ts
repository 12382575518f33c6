import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/api/app.ts';
import { createFailedAttempts } from '../../src/auth/failed-attempts.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';

let api: TestApi;

beforeAll(async () => {
  api = await openTestApi();
  const roles = [{ role: 'writer', operations: ['read'] }];
  await api.provide(api.tenant.schema('note', { spec: { access: { roles } } }));
});

afterAll(() => api?.close());

describe('whoever tries keys', () => {
  let nowMs: number;
  let app: FastifyInstance;
  const flood = '198.51.100.9';
  const wrong = 'vel_live_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';

  function attempt(key: string | undefined, remoteAddress: string) {
    const headers = key === undefined ? {} : { 'x-api-key': key };
    return app.inject({ url: api.path('note'), remoteAddress, headers });
  }

  /** As many failures at once as one address has answered slowly, and more. */
  async function failOften(): Promise<number[]> {
    const answers: Promise<number>[] = [];
    for (let i = 0; i < 400; i++) {
      answers.push(attempt(wrong, flood).then(({ statusCode }) => statusCode));
    }
    return Promise.all(answers);
  }

  it('is answered ever later, and then told when to come back', { timeout: 60_000 }, async () => {
    const known = await api.keyFor('known', ['writer']);
    nowMs = 0;
    app = buildApp({ ...api.deps, failedAttempts: createFailedAttempts({ now: () => nowMs }) });
    expect((await attempt(known, flood)).statusCode).toBe(200);
    const startedAt = performance.now();
    const statuses = await failOften();
    expect(performance.now() - startedAt).toBeGreaterThan(5_000);
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    expect(statuses.filter((status) => status === 401).length).toBeLessThan(300);
    const refused = await attempt(wrong, flood);
    expect(refused.statusCode).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(refused.json()).toMatchObject({ code: 'RATE_LIMITED' });

    // Nothing that is new is examined there, so an answer tells nothing about what was sent.
    const fresh = await api.keyFor('fresh', ['writer']);
    const answers = await Promise.all([attempt(fresh, flood), attempt('nonsense', flood)]);
    const [one, other] = answers.map((answer) => {
      const { requestId: _, ...body } = answer.json();
      return body;
    });
    expect(one).toEqual(other);
    // A key that is in use is let in from there, and any key from anywhere else.
    expect((await attempt(known, flood)).statusCode).toBe(200);
    expect((await attempt(fresh, '198.51.100.10')).statusCode).toBe(200);
    expect((await attempt(fresh, flood)).statusCode, 'now it is in use').toBe(200);
    expect((await attempt(undefined, flood)).statusCode).toBe(401);

    nowMs += 60_000;
    expect((await attempt(wrong, flood)).statusCode).toBe(401);
  });
});
