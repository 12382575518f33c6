import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sessionCookie } from '../../../src/auth/session-cookie.ts';
import { HttpBrowser } from '../../support/http-browser.ts';
import type { SignInApi } from './sign-in-api.ts';
import { openSignInApi } from './sign-in-api.ts';

let world: SignInApi;

beforeAll(async () => {
  world = await openSignInApi({ replicas: 2 });
});

afterAll(() => world?.close());

beforeEach(() => {
  world.clock.aheadMs = 0;
  world.issuer.people.set('wanda', { groups: ['writer'] });
});

/** The access tokens of the issuer last five minutes. */
const dueMs = 301_000;

function copyOf(browser: HttpBrowser): HttpBrowser {
  const copy = new HttpBrowser();
  copy.cookies.set(sessionCookie, browser.cookies.get(sessionCookie) ?? '');
  return copy;
}

function refreshes(): number {
  return world.issuer.asked.filter((one) => one === 'POST /token').length;
}

describe('the refresh of a session', () => {
  it('gives it the roles that the person has now, and another id', async () => {
    const browser = await world.signIn('wanda');
    const id = browser.cookies.get(sessionCookie);
    world.issuer.people.set('wanda', { groups: ['reader'] });
    expect((await world.call(browser, '/auth/me')).body.data).toMatchObject({ roles: ['writer'] });
    world.clock.aheadMs = dueMs;
    const me = await world.call(browser, '/auth/me');
    expect(me.body.data).toMatchObject({ roles: ['reader'], actor: 'wanda' });
    expect(browser.cookies.get(sessionCookie)).toMatch(/^[\w-]{43}$/);
    expect(browser.cookies.get(sessionCookie)).not.toBe(id);
  });

  it('leaves the CSRF token as it is, which open pages hold', async () => {
    const browser = await world.signIn('wanda');
    const before = (await world.call(browser, '/auth/me')).body.data?.['csrfToken'];
    world.clock.aheadMs = dueMs;
    const after = (await world.call(browser, '/auth/me')).body.data?.['csrfToken'];
    expect(after).toBe(before);
  });

  it('is asked for once, however many requests of all replicas find it due', async () => {
    const browser = await world.signIn('wanda');
    world.clock.aheadMs = dueMs;
    const before = refreshes();
    const asked = world.origins.flatMap((origin) =>
      Array.from({ length: 12 }, () => {
        const copy = copyOf(browser);
        return world.call(copy, '/auth/me', { origin }).then(({ status }) => ({ status, copy }));
      }),
    );
    const answers = await Promise.all(asked);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(refreshes() - before).toBe(1);
    const id = browser.cookies.get(sessionCookie);
    const renewed = answers.filter(({ copy }) => copy.cookies.get(sessionCookie) !== id);
    expect(renewed).toHaveLength(1);
  });

  it('lets the id before go on for a minute, and ends the session where it comes later', async () => {
    const browser = await world.signIn('wanda');
    const before = copyOf(browser);
    world.clock.aheadMs = dueMs;
    await world.call(browser, '/auth/me');
    world.clock.aheadMs = dueMs + 59_000;
    expect((await world.call(before, '/auth/me')).status).toBe(200);
    world.clock.aheadMs = dueMs + 62_000;
    const revoked = { status: 401, body: { code: 'AUTH_REVOKED' } };
    expect(await world.call(before, '/auth/me')).toMatchObject(revoked);
    // Nobody can tell which of the two is the thief.
    expect(await world.call(browser, '/auth/me')).toMatchObject(revoked);
  });

  it('ends the session when the issuer has taken the grant back', async () => {
    const browser = await world.signIn('wanda');
    world.issuer.revokeGrants();
    world.clock.aheadMs = dueMs;
    const revoked = { status: 401, body: { code: 'AUTH_REVOKED' } };
    expect(await world.call(browser, '/auth/me')).toMatchObject(revoked);
    world.clock.aheadMs = 0;
    expect(await world.call(browser, '/auth/me')).toMatchObject(revoked);
  });

  it('refuses while the issuer is away, and goes on when it is back', async () => {
    const browser = await world.signIn('wanda');
    world.clock.aheadMs = dueMs;
    await world.issuer.goAway();
    try {
      expect(await world.call(browser, '/auth/me')).toMatchObject({
        ...{ status: 401, body: { code: 'AUTH_EXPIRED' } },
      });
    } finally {
      await world.issuer.comeBack();
    }
    // Left alone for five seconds.
    expect((await world.call(browser, '/auth/me')).status).toBe(401);
    world.clock.aheadMs += 6_000;
    expect((await world.call(browser, '/auth/me')).status).toBe(200);
  });

  it('takes the refresh token back at the issuer when the person signs out', async () => {
    const browser = await world.signIn('wanda');
    const me = await world.call(browser, '/auth/me');
    const csrfToken = String(me.body.data?.['csrfToken']);
    const out = await world.call(browser, '/auth/logout', { method: 'POST', csrfToken });
    expect(out.status).toBe(200);
    expect(world.issuer.asked).toContain('POST /token/revocation');
    const { rows } = await world.api.operator.query({
      text: `select from platform.sessions where ended_at is not null and sealed is not null`,
    });
    expect(rows).toEqual([]);
  });
});
