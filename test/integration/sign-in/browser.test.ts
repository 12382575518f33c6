import { existsSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sessionCookie } from '../../../src/auth/session-cookie.ts';
import type { SignInApi } from './sign-in-api.ts';
import { openSignInApi } from './sign-in-api.ts';

let world: SignInApi;
let browser: Browser;

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);

beforeAll(async () => {
  world = await openSignInApi();
  world.issuer.people.set('wanda', { groups: ['writer'] });
  browser = await chromium.launch({
    ...(executablePath !== undefined && { executablePath }),
    args: ['--no-sandbox'],
  });
});

afterAll(async () => {
  await browser?.close();
  await world?.close();
});

/** The issuer's pages want fonts from elsewhere; nothing here leaves the machine. */
async function openPage(): Promise<Page> {
  const context = await browser.newContext();
  await context.route(
    (url) => url.hostname !== 'localhost' && url.protocol !== 'data:',
    (route) => route.abort(),
  );
  return context.newPage();
}

async function signIn(page: Page): Promise<void> {
  await page.goto(`${world.origin}/auth`);
  await page.getByText('Nobody is signed in.').waitFor();
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByPlaceholder('Enter any login').fill('wanda');
  await page.getByPlaceholder('and password').fill('any');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByText('Signed in as wanda@example.com').waitFor();
}

/** What a page of this server can do, in the page itself. */
function write(page: Page, headers: Record<string, string>): Promise<number> {
  return page.evaluate(
    async ({ path, more }) => {
      const answer = await fetch(path, {
        ...{ method: 'POST', body: JSON.stringify({ title: 'from a browser' }) },
        headers: { 'content-type': 'application/json', ...more },
      });
      return answer.status;
    },
    { path: world.notes, more: headers },
  );
}

describe('a browser', () => {
  it('signs in on localhost, writes with the CSRF header, and signs out', async () => {
    const page = await openPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => void errors.push(error.message));
    await signIn(page);

    const cookies = await page.context().cookies(world.origin);
    expect(cookies.find(({ name }) => name === sessionCookie)).toMatchObject({
      ...{ httpOnly: true, secure: true, sameSite: 'Lax', path: '/', domain: 'localhost' },
    });
    expect(cookies.filter(({ name }) => name.includes('velocity-login'))).toEqual([]);
    // No script sees it, and nothing else is kept where scripts could.
    expect(await page.evaluate<string>('document.cookie')).not.toContain('velocity');
    expect(await page.evaluate(() => localStorage.length + sessionStorage.length)).toBe(0);

    expect(await write(page, {})).toBe(403);
    const csrfToken = await page.evaluate(async () => {
      const me = (await (await fetch('/auth/me')).json()) as { data: { csrfToken: string } };
      return me.data.csrfToken;
    });
    expect(await write(page, { 'x-csrf-token': csrfToken })).toBe(201);

    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Yes, sign me out' }).click();
    await page.getByText('Nobody is signed in.').waitFor();
    expect(new URL(page.url()).origin).toBe(world.origin);
    const left = await page.context().cookies(world.origin);
    expect(left.filter(({ name }) => name === sessionCookie)).toEqual([]);
    expect(await write(page, { 'x-csrf-token': csrfToken })).toBe(401);
    expect(errors).toEqual([]);
    await page.context().close();
  });

  it('lets no page of another site write in the name of who is signed in', async () => {
    const page = await openPage();
    await signIn(page);
    const before = await count();
    const other = await page.context().newPage();
    // 127.0.0.1 is another site than localhost, and the test serves a page there.
    await other.route('http://127.0.0.1:9/', (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: `<form method="post" enctype="text/plain" action="${world.origin}${world.notes}">
                 <input name='{"title":"forged","x":"' value='"}'><button>Win</button></form>`,
      }),
    );
    await other.goto('http://127.0.0.1:9/');
    await other.getByRole('button', { name: 'Win' }).click();
    await other.waitForLoadState();
    const status = await other.evaluate(async (address) => {
      const answer = await fetch(address, {
        ...{ method: 'POST', mode: 'no-cors', credentials: 'include', body: '{"title":"forged"}' },
      }).catch((error: Error) => error);
      return answer instanceof Error ? 'failed' : answer.type;
    }, `${world.origin}${world.notes}`);
    expect(['failed', 'opaque']).toContain(status);
    expect(await count()).toBe(before);
    await page.context().close();
  });
});

async function count(): Promise<number> {
  const answer = await world.api.call(world.api.adminKey, {
    url: `${world.notes}?count=exact&limit=1`,
  });
  return (answer.json() as { pagination: { total: number } }).pagination.total;
}
