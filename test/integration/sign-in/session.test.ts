import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sessionCookie } from '../../../src/auth/session-cookie.ts';
import { HttpBrowser } from '../../support/http-browser.ts';
import type { SignInApi } from './sign-in-api.ts';
import { csrfTokenOf, openSignInApi } from './sign-in-api.ts';

let world: SignInApi;

beforeAll(async () => {
  world = await openSignInApi();
  world.issuer.people.set('wanda', { groups: ['writer'], region: 'north' });
});

afterAll(() => world?.close());

beforeEach(() => {
  world.clock.aheadMs = 0;
});

describe('a session', () => {
  it('reads without and writes only with its CSRF token', async () => {
    const browser = await world.signIn('wanda');
    const csrfToken = await csrfTokenOf(world, browser);
    expect((await world.call(browser, world.notes)).status).toBe(200);
    const write = { method: 'POST', body: { title: 'hello' } };
    expect(await world.call(browser, world.notes, write)).toMatchObject({
      ...{ status: 403, body: { code: 'CSRF_REJECTED' } },
    });
    const others = await csrfTokenOf(world, await world.signIn('wanda'));
    for (const wrong of [others, '', `${csrfToken}x`, 'ä']) {
      const answer = await world.call(browser, world.notes, {
        ...write,
        csrfToken: encodeURI(wrong),
      });
      expect(answer, wrong).toMatchObject({ status: 403, body: { code: 'CSRF_REJECTED' } });
    }
    const written = await world.call(browser, world.notes, { ...write, csrfToken });
    expect(written, JSON.stringify(written.body)).toMatchObject({ status: 201 });
    expect(written.body.data).toMatchObject({ created_by: 'wanda' });
    const { rows } = await world.api.operator.query<{ count: number }>({
      text: `select count(*) as count from platform.audit_log
              where outcome = 'denied' and payload->>'code' = 'CSRF_REJECTED'`,
    });
    expect(rows[0]?.count).toBe(5);
  });

  it('may do what its roles may and no more', async () => {
    world.issuer.people.set('rita', { groups: ['reader'] });
    const browser = await world.signIn('rita');
    const csrfToken = await csrfTokenOf(world, browser);
    expect((await world.call(browser, world.notes)).status).toBe(200);
    const answer = await world.call(browser, world.notes, {
      ...{ method: 'POST', body: { title: 'no' }, csrfToken },
    });
    expect(answer).toMatchObject({ status: 403, body: { code: 'RBAC_DENIED' } });
  });

  it('is over after sessionTtl, and after a quarter of it without a request', async () => {
    const browser = await world.signIn('wanda');
    const minute = 60_000;
    for (const at of [14, 28, 42, 56]) {
      world.clock.aheadMs = at * minute;
      expect((await world.call(browser, '/auth/me')).status, `${at} min`).toBe(200);
    }
    world.clock.aheadMs = 61 * minute;
    const ended = { status: 401, body: { code: 'AUTH_EXPIRED' } };
    expect(await world.call(browser, '/auth/me')).toMatchObject(ended);

    world.clock.aheadMs = 0;
    const idle = await world.signIn('wanda');
    world.clock.aheadMs = 16 * minute;
    expect(await world.call(idle, '/auth/me')).toMatchObject(ended);
  });

  it('is no longer one after the logout, whoever still has its cookie', async () => {
    const browser = await world.signIn('wanda');
    const copy = new HttpBrowser();
    copy.cookies.set(sessionCookie, browser.cookies.get(sessionCookie) ?? '');
    const csrfToken = await csrfTokenOf(world, browser);
    expect((await world.call(browser, '/auth/logout', { method: 'POST' })).status).toBe(403);
    const out = await world.call(browser, '/auth/logout', { method: 'POST', csrfToken });
    expect(out.status).toBe(200);
    expect(browser.cookies.has(sessionCookie)).toBe(false);
    expect(await world.call(copy, '/auth/me')).toMatchObject({
      ...{ status: 401, body: { code: 'AUTH_REVOKED' } },
    });
    const url = new URL(String(out.body.data?.['logoutUrl']));
    expect(url.origin).toBe(world.issuer.url);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      ...{ client_id: 'velocity', post_logout_redirect_uri: `${world.origin}/auth` },
    });
    const page = await browser.open(url.href);
    const end = await browser.submit(page, { logout: 'yes' });
    expect(end.url).toBe(`${world.origin}/auth`);
    // The issuer has forgotten the person, too.
    const again = await browser.open(`${world.origin}/auth/login?strategy=${world.ref}`);
    expect(again.text).toContain('name="login"');
  });

  it('is refused as soon as an administrator has revoked it, under every id that it gets', async () => {
    const browser = await world.signIn('wanda');
    const csrfToken = await csrfTokenOf(world, browser);
    const { rows } = await world.api.operator.query<{ handle: string }>({
      text: 'select handle from platform.sessions order by created_at desc limit 1',
    });
    const revoked = await world.api.call(world.api.adminKey, {
      ...{ method: 'POST', url: '/api/platform/revocations' },
      payload: {
        ...{ kind: 'session', id: rows[0]?.handle },
        organisation: world.api.tenant.organisation,
      },
    });
    expect(revoked.statusCode, revoked.body).toBe(201);
    world.clock.aheadMs = 301_000;
    for (const options of [{}, { method: 'POST', body: { title: 'no' }, csrfToken }]) {
      expect(await world.call(browser, world.notes, options)).toMatchObject({
        ...{ status: 401, body: { code: 'AUTH_REVOKED' } },
      });
    }
  });

  it('ends when what its strategy says has changed', async () => {
    const browser = await world.signIn('wanda');
    await world.provideStrategy('people', {}, { actorId: 'sub', roles: 'nothing' });
    try {
      expect(await world.call(browser, '/auth/me')).toMatchObject({
        ...{ status: 401, body: { code: 'AUTH_REVOKED' } },
      });
    } finally {
      await world.provideStrategy('people');
    }
  });

  it('counts only with schemas of its own strategy', async () => {
    await world.provideStrategy('others', { sessionTtl: '2h' });
    const { api } = world;
    const strategyRef = { name: 'others', namespace: api.tenant.namespace };
    const access = { roles: [{ role: 'writer', operations: ['read'] }] };
    await api.provide(api.tenant.schema('other', { spec: { auth: { strategyRef }, access } }));
    const browser = await world.signIn('wanda');
    expect(await world.call(browser, api.path('other'))).toMatchObject({ status: 401 });
    expect((await world.call(browser, world.notes)).status).toBe(200);
    const page = await new HttpBrowser().open(`${world.origin}/auth/login`);
    expect(page.url).toContain('/auth?choose=');
  });

  it('gives way to credentials that were sent on purpose', async () => {
    const browser = await world.signIn('wanda');
    const answer = await browser.open(`${world.origin}/auth/me`, {
      ...{ accept: 'application/json', headers: { 'x-api-key': world.api.adminKey } },
    });
    expect(JSON.parse(answer.text)).toMatchObject({ data: { credential: 'apikey' } });
  });

  it('is not known when it was made up, or comes twice', async () => {
    const browser = new HttpBrowser();
    browser.cookies.set(sessionCookie, 'A'.repeat(43));
    expect(await world.call(browser, '/auth/me')).toMatchObject({
      ...{ status: 401, body: { code: 'AUTH_INVALID_TOKEN' } },
    });
    const known = await world.signIn('wanda');
    const id = known.cookies.get(sessionCookie);
    const twice = await fetch(`${world.origin}/auth/me`, {
      headers: { cookie: `${sessionCookie}=${'A'.repeat(43)}; ${sessionCookie}=${id}` },
    });
    expect(twice.status).toBe(401);
  });
});
