import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sessionCookie } from '../../../src/auth/session-cookie.ts';
import { HttpBrowser } from '../../support/http-browser.ts';
import type { ApiProcess } from '../api/api-process.ts';
import { spawnApi } from '../api/api-process.ts';
import type { SignInApi } from './sign-in-api.ts';
import { csrfTokenOf, openSignInApi } from './sign-in-api.ts';

let world: SignInApi;
const running: ApiProcess[] = [];

beforeAll(async () => {
  world = await openSignInApi();
  world.issuer.people.set('wanda', { groups: ['writer'] });
});

afterAll(async () => {
  for (const each of running) each.kill('SIGKILL');
  await Promise.all(running.map(({ exited }) => exited));
  await world?.close();
});

/** `velocity api` as its users run it, over the database of the replica that signs people in. */
async function start(env: Record<string, string>): Promise<string> {
  const started = await spawnApi({
    ...{ VELOCITY_DATABASE_URL: world.api.database.apiUrl, VELOCITY_METRICS_PORT: '' },
    ...env,
  });
  running.push(started);
  expect(started.url, started.stderr.join('\n')).toBeDefined();
  return started.url ?? '';
}

const sealing = () => ({ VELOCITY_SECRET_KEY: world.key.toString('base64') });

describe('velocity api', () => {
  it('knows the sessions of the others, and begins sign-ins of its own', async () => {
    const origin = await start({ ...sealing(), VELOCITY_OUTBOUND_ALLOW: 'localhost' });
    const browser = await world.signIn('wanda');
    const csrfToken = await csrfTokenOf(world, browser);
    const me = await world.call(browser, '/auth/me', { origin });
    expect(me.body.data).toMatchObject({ actor: 'wanda', roles: ['writer'], csrfToken });
    const write = { method: 'POST', body: { title: 'hello' }, origin };
    expect((await world.call(browser, world.notes, write)).status).toBe(403);
    expect((await world.call(browser, world.notes, { ...write, csrfToken })).status).toBe(201);
    const begun = await new HttpBrowser().open(`${origin}/auth/login`, {
      stopAt: (url) => url.origin === world.issuer.url,
    });
    expect(begun.url).toContain(`${world.issuer.url}/auth?`);
    // Ended here, it is over there.
    const out = await world.call(browser, '/auth/logout', { method: 'POST', csrfToken, origin });
    expect(out.status).toBe(200);
  });

  it('begins none with an issuer inside of the network that nobody has allowed', async () => {
    const origin = await start(sealing());
    const answer = await new HttpBrowser().open(`${origin}/auth/login`, {
      accept: 'application/json',
    });
    expect(answer.status).toBe(401);
    expect(new URL(answer.url).origin).toBe(origin);
  });

  it('lets nobody sign in without a key to seal with, and says which one is missing', async () => {
    const origin = await start({ VELOCITY_SECRET_KEY: '' });
    const answer = await new HttpBrowser().open(`${origin}/auth/login`);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('VELOCITY_SECRET_KEY');
    const browser = await world.signIn('wanda');
    expect(browser.cookies.has(sessionCookie)).toBe(true);
    expect((await world.call(browser, world.notes, { origin })).status).toBe(401);
  });
});
