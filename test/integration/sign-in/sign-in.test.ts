import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sessionCookie } from '../../../src/auth/session-cookie.ts';
import { HttpBrowser, passIssuer } from '../../support/http-browser.ts';
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

const isCallback = (url: URL): boolean => url.pathname === '/auth/callback';

/** A sign-in up to the moment at which the browser is about to come back. */
async function upToCallback(
  browser: HttpBrowser,
  alter: (url: URL) => void = () => {},
  login = 'wanda',
): Promise<URL> {
  const start = await browser.open(`${world.origin}/auth/login?strategy=${world.ref}`, {
    stopAt: (url) => url.origin !== world.origin,
  });
  const url = new URL(start.url);
  alter(url);
  const page = await browser.open(url.href, { stopAt: isCallback });
  const back = await passIssuer(browser, page, login, { stopAt: isCallback });
  return new URL(back.url);
}

async function problemAt(browser: HttpBrowser, url: URL) {
  const answer = await browser.open(url.href, { accept: 'application/json' });
  return { status: answer.status, body: JSON.parse(answer.text) as Record<string, unknown> };
}

describe('signing in', () => {
  it('makes a session with the roles of the claims, and keeps every token from the browser', async () => {
    const browser = await world.signIn('wanda');
    const cookie = browser.setCookies.find((line) => line.startsWith(`${sessionCookie}=`));
    expect(cookie).toMatch(
      /^__Host-velocity-session=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
    );
    const me = await world.call(browser, '/auth/me');
    expect(me.body.data).toMatchObject({
      ...{ actor: 'wanda', actorType: 'user', organisation: world.api.tenant.organisation },
      ...{ email: 'wanda@example.com', roles: ['writer'], strategy: world.ref },
      credential: 'session',
    });
    const seen = [...browser.visited, ...browser.setCookies, JSON.stringify(me.body)].join('\n');
    expect(seen).not.toMatch(/eyJ[\w-]+\.[\w-]+\.[\w-]+|id_token|access_token|refresh_token/);
  });

  it('asks for a code with PKCE, state and nonce, each new', async () => {
    const asked = await Promise.all(
      [1, 2].map(async () => {
        const page = await new HttpBrowser().open(`${world.origin}/auth/login`, {
          stopAt: (url) => url.origin !== world.origin,
        });
        return new URL(page.url).searchParams;
      }),
    );
    for (const params of asked) {
      expect(Object.fromEntries(params)).toMatchObject({
        ...{ response_type: 'code', code_challenge_method: 'S256', client_id: 'velocity' },
        redirect_uri: `${world.origin}/auth/callback`,
      });
    }
    for (const name of ['state', 'nonce', 'code_challenge']) {
      const [one, other] = asked.map((params) => params.get(name));
      expect(one).toMatch(/^[\w-]{43}$/);
      expect(one).not.toBe(other);
    }
  });

  it('keeps the hash of the id alone, and tokens only sealed', async () => {
    const browser = await world.signIn('wanda');
    const id = browser.cookies.get(sessionCookie) ?? '';
    const { rows } = await world.api.operator.query<{ text: string; sealed: Buffer | null }>({
      text: `select s::text as text, sealed from platform.sessions s`,
    });
    expect(rows.length).toBeGreaterThan(0);
    for (const { text, sealed } of rows) {
      expect(text).not.toContain(id);
      expect(text).not.toContain(Buffer.from(id).toString('hex'));
      expect(text).not.toContain(Buffer.from(id, 'base64url').toString('hex'));
      expect(sealed?.length ?? 0).toBeGreaterThan(16);
      expect(sealed?.toString('latin1')).not.toMatch(/^[\w-]{20,}$/);
    }
  });

  it('tells the audit who came and went', async () => {
    const browser = await world.signIn('wanda');
    await world.call(browser, '/auth/logout', {
      method: 'POST',
      csrfToken: await csrfTokenOf(world, browser),
    });
    const { rows } = await world.api.operator.query<{ operation: string; actor: string }>({
      text: `select operation, actor from platform.audit_log
              where operation like 'auth.%' order by id desc limit 2`,
    });
    expect(rows.toReversed()).toMatchObject([
      { operation: 'auth.login', actor: 'wanda' },
      { operation: 'auth.logout', actor: 'wanda' },
    ]);
  });

  it('ends the session that the browser came with', async () => {
    const browser = await world.signIn('wanda');
    const before = new HttpBrowser();
    before.cookies.set(sessionCookie, browser.cookies.get(sessionCookie) ?? '');
    await browser
      .open(`${world.origin}/auth/login?strategy=${world.ref}`)
      .then((page) => passIssuer(browser, page, 'wanda'));
    expect(browser.cookies.get(sessionCookie)).not.toBe(before.cookies.get(sessionCookie));
    expect(await world.call(before, '/auth/me')).toMatchObject({
      ...{ status: 401, body: { code: 'AUTH_REVOKED' } },
    });
    expect((await world.call(browser, '/auth/me')).status).toBe(200);
  });

  it('goes back to a path of this server and to nothing else', async () => {
    const browser = new HttpBrowser();
    const path = '/api/docs?a=b#c';
    const page = await browser.open(
      `${world.origin}/auth/login?${new URLSearchParams({ returnTo: path })}`,
    );
    const end = await passIssuer(browser, page, 'wanda', {
      stopAt: (url) => url.pathname === '/api/docs',
    });
    expect(end.url).toBe(`${world.origin}${path}`);
    for (const returnTo of [
      ...['https://evil.example', '//evil.example', '/\\evil.example', '\\\\evil.example'],
      ...['/.//evil.example', '/a/..//evil.example', '/\t/evil.example', '/%0a', ' /', ''],
      ...['javascript:alert(1)', 'evil.example', '/a\nb', `/${'a'.repeat(2_000)}`],
    ]) {
      const params = new URLSearchParams({ returnTo });
      const answer = await browser.open(`${world.origin}/auth/login?${params}`, {
        accept: 'application/json',
      });
      // An escaped line end is a path like any other.
      if (returnTo === '/%0a') continue;
      expect(answer, JSON.stringify(returnTo)).toMatchObject({
        status: 400,
        url: expect.any(String),
      });
      expect(new URL(answer.url).origin).toBe(world.origin);
    }
  });

  it('shows a person a page and a program a problem document', async () => {
    const lost = `${world.origin}/auth/callback?code=a&state=b`;
    const page = await new HttpBrowser().open(lost);
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(page.text).toContain('was not begun in this browser');
    const problem = await problemAt(new HttpBrowser(), new URL(lost));
    expect(problem).toMatchObject({ status: 401, body: { code: 'AUTH_INVALID_TOKEN' } });
  });
});

describe('a callback is refused', () => {
  it('when the state is another', async () => {
    const browser = new HttpBrowser();
    const url = await upToCallback(browser);
    const state = url.searchParams.get('state') ?? '';
    // The very cookie is found by the first characters: the rest has to be right as well.
    url.searchParams.set('state', `${state.slice(0, 20)}${'A'.repeat(state.length - 20)}`);
    expect(await problemAt(browser, url)).toMatchObject({
      ...{ status: 401, body: { code: 'AUTH_INVALID_TOKEN' } },
    });
    expect(browser.cookies.has(sessionCookie)).toBe(false);
  });

  it('when the state is missing or given twice', async () => {
    for (const alter of [
      (params: URLSearchParams) => params.delete('state'),
      (params: URLSearchParams) => params.append('state', params.get('state') ?? ''),
    ]) {
      const browser = new HttpBrowser();
      const url = await upToCallback(browser);
      alter(url.searchParams);
      expect((await problemAt(browser, url)).status).toBe(401);
      expect(browser.cookies.has(sessionCookie)).toBe(false);
    }
  });

  it('in another browser than the one that began', async () => {
    const url = await upToCallback(new HttpBrowser());
    const other = new HttpBrowser();
    await other.open(`${world.origin}/auth/login`, { stopAt: (to) => to.origin !== world.origin });
    expect(await problemAt(other, url)).toMatchObject({
      ...{ status: 401, body: { detail: expect.stringContaining('not begun in this browser') } },
    });
    expect(other.cookies.has(sessionCookie)).toBe(false);
  });

  it('when the ID token has another nonce', async () => {
    const browser = new HttpBrowser();
    const url = await upToCallback(browser, ({ searchParams }) =>
      searchParams.set('nonce', 'other'),
    );
    expect(url.searchParams.has('code')).toBe(true);
    expect((await problemAt(browser, url)).status).toBe(401);
    expect(browser.cookies.has(sessionCookie)).toBe(false);
  });

  it('when the code was used before', async () => {
    const browser = new HttpBrowser();
    const url = await upToCallback(browser);
    const attempt = [...browser.cookies].find(([name]) => name.includes('velocity-login'));
    await browser.open(url.href);
    expect(browser.cookies.has(sessionCookie)).toBe(true);
    // The same browser a second time: its attempt is over.
    expect((await problemAt(browser, url)).status).toBe(401);
    // And were the cookie kept by somebody, the issuer knows the code.
    const thief = new HttpBrowser();
    thief.cookies.set(...(attempt as [string, string]));
    expect(await problemAt(thief, url)).toMatchObject({
      ...{ status: 401, body: { detail: expect.stringContaining('invalid_grant') } },
    });
    expect(thief.cookies.has(sessionCookie)).toBe(false);
  });

  it('when the code was asked for without PKCE, or by another verifier', async () => {
    const without = new HttpBrowser();
    const url = await upToCallback(without, ({ searchParams }) => {
      searchParams.delete('code_challenge');
      searchParams.delete('code_challenge_method');
    });
    expect(url.searchParams.get('error')).toBe('invalid_request');
    expect((await problemAt(without, url)).status).toBe(401);

    const other = new HttpBrowser();
    const stolen = await upToCallback(other, ({ searchParams }) =>
      searchParams.set('code_challenge', 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'),
    );
    expect(await problemAt(other, stolen)).toMatchObject({
      ...{ status: 401, body: { detail: expect.stringContaining('invalid_grant') } },
    });
  });

  it('when another issuer says that it answers', async () => {
    const browser = new HttpBrowser();
    const url = await upToCallback(browser);
    url.searchParams.set('iss', 'https://evil.example');
    expect((await problemAt(browser, url)).status).toBe(401);
  });

  it('when the person said no, in the words of the protocol alone', async () => {
    const browser = new HttpBrowser();
    const url = await upToCallback(browser);
    const state = url.searchParams.get('state') ?? '';
    url.search = `?${new URLSearchParams({
      ...{ state, error: 'access_denied', iss: world.issuer.url },
      error_description: '<script>alert(1)</script>',
    })}`;
    const page = await browser.open(url.href);
    expect(page.status).toBe(401);
    expect(page.text).toContain('access_denied');
    expect(page.text).not.toContain('alert(1)');
  });

  it('ten minutes after it was begun, and when its cookie was altered', async () => {
    const late = new HttpBrowser();
    const url = await upToCallback(late);
    world.clock.aheadMs = 601_000;
    expect((await problemAt(late, url)).status).toBe(401);
    world.clock.aheadMs = 0;

    const altered = new HttpBrowser();
    const other = await upToCallback(altered);
    const [name, value] = [...altered.cookies].find(([one]) => one.includes('velocity-login'))!;
    const last = value.at(-2) === 'A' ? 'B' : 'A';
    altered.cookies.set(name, `${value.slice(0, -2)}${last}${value.slice(-1)}`);
    expect((await problemAt(altered, other)).status).toBe(401);
  });
});
