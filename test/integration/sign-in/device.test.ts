import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HttpBrowser, passIssuer } from '../../support/http-browser.ts';
import { cliClientId, startIssuer } from '../../support/openid-issuer.ts';
import { until } from '../../support/until.ts';
import type { Ran, RunOptions } from '../../unit/cli/run-velocity.ts';
import { runVelocity, temporaryFolder } from '../../unit/cli/run-velocity.ts';
import type { SignInApi } from './sign-in-api.ts';
import { openSignInApi } from './sign-in-api.ts';

let world: SignInApi;
beforeAll(async () => {
  world = await openSignInApi({ deviceCodeTtl: 60 });
  world.issuer.people.set('wanda', { groups: ['writer'] });
});

afterAll(() => world?.close());

interface Terminal {
  readonly folder: string;
  readonly shown: { stderr: string; interrupt: (() => void) | undefined };
  run(argv: readonly string[], options?: RunOptions): Promise<Ran>;
}

async function terminal(): Promise<Terminal> {
  const folder = await temporaryFolder();
  const shown: Terminal['shown'] = { stderr: '', interrupt: undefined };
  const run: Terminal['run'] = (argv, options = {}) =>
    runVelocity(argv, {
      folder,
      onStderr: (text) => {
        shown.stderr += text;
      },
      onInterruptible: (interrupt) => {
        shown.interrupt = interrupt;
      },
      ...options,
    });
  await run(['context', 'set', 'here', '--url', world.origin]);
  return { folder, shown, run };
}

const first = (): string[] => [
  ...['auth', 'login', '--issuer', world.issuer.url, '--client-id', cliClientId],
  ...['--scope', 'openid profile email offline_access', '--resource', world.issuer.resource],
];

/** What the person does: opens the address of the terminal and enters the code. */
async function enterCode({ shown }: Terminal, login: string, answer = {}): Promise<void> {
  await until(async () => /code {2}\S+/.test(shown.stderr), 10_000);
  const [, address = ''] = /Open (\S+) in a browser/.exec(shown.stderr) ?? [];
  const [, code = ''] = /code {2}(\S+)/.exec(shown.stderr) ?? [];
  const browser = new HttpBrowser();
  const asked = await browser.open(address);
  const confirm = await browser.submit(asked, { user_code: code });
  const page = await browser.submit(confirm, { confirm: 'yes', ...answer });
  await passIssuer(browser, page, login);
}

async function contextsOf({ folder }: Terminal) {
  const path = join(folder, 'config', 'velocity', 'config.json');
  const file = JSON.parse(await readFile(path, 'utf8')) as {
    contexts: Record<string, { signIn?: { tokens?: Record<string, string> } }>;
  };
  return { path, tokens: file.contexts['here']?.signIn?.tokens, text: JSON.stringify(file) };
}

describe('velocity auth', () => {
  it('signs in with a code that is entered elsewhere, and works with the API', async () => {
    const here = await terminal();
    const login = here.run(first());
    await enterCode(here, 'wanda');
    const done = await login;
    expect(done, done.stderr).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(
        /^here: signed in at http:\/\/localhost:\d+ as wanda@example\.com/,
      ),
    });
    expect(done.stderr).not.toContain('does not accept');

    const { path, tokens } = await contextsOf(here);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(tokens).toMatchObject({
      accessToken: expect.any(String),
      refreshToken: expect.any(String),
    });
    for (const secret of Object.values(tokens ?? {})) {
      expect(done.stdout + done.stderr).not.toContain(secret);
    }
    const status = await here.run(['auth', 'status', '-o', 'json']);
    expect(status.exitCode, status.stderr).toBe(0);
    expect(JSON.parse(status.stdout)).toMatchObject({
      ...{ by: 'sign-in', accepted: true, actor: 'wanda', renews: true },
      organisation: world.api.tenant.organisation,
    });
    const created = await here.run(['record', 'create', 'note', 'title=hello']);
    expect(created, created.stderr).toMatchObject({ exitCode: 0 });
  });

  it('renews what has expired, once for all commands that find it so', async () => {
    const here = await terminal();
    const login = here.run(first());
    await enterCode(here, 'wanda');
    await login;
    const before = (await contextsOf(here)).tokens;
    const asked = (): number => world.issuer.asked.filter((one) => one === 'POST /token').length;
    const askedBefore = asked();
    const later = { now: () => Date.now() + 301_000 };
    const ran = await Promise.all(
      [1, 2, 3].map(() => here.run(['auth', 'status', '-o', 'json'], later)),
    );
    expect(ran.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect(asked() - askedBefore).toBe(1);
    const after = (await contextsOf(here)).tokens;
    expect(after?.['accessToken']).not.toBe(before?.['accessToken']);
    expect(after?.['refreshToken']).toEqual(expect.any(String));
    expect(Date.parse(after?.['expiresAt'] ?? '')).toBeGreaterThan(Date.now() + 500_000);
  });

  it('says that the sign-in is over when the issuer has taken it back', async () => {
    const here = await terminal();
    const login = here.run(first());
    await enterCode(here, 'wanda');
    await login;
    world.issuer.revokeGrants();
    const ran = await here.run(['query', 'note'], { now: () => Date.now() + 301_000 });
    expect(ran).toMatchObject({
      ...{ exitCode: 4, stderr: expect.stringContaining('velocity auth login') },
    });
  });

  it('says so when the person refuses, and keeps nothing', async () => {
    const here = await terminal();
    const login = here.run(first());
    await enterCode(here, 'wanda', { confirm: '', abort: 'yes' }).catch(() => undefined);
    const ran = await login;
    expect(ran).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('refused') });
    expect((await contextsOf(here)).tokens).toBeUndefined();
  });

  it('says so when the code has expired', async () => {
    const issuer = await startIssuer({ origins: [], deviceCodeTtl: 3 });
    try {
      const here = await terminal();
      const argv = ['auth', 'login', '--issuer', issuer.url, '--client-id', cliClientId];
      const ran = await here.run(argv);
      expect(ran).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('expired') });
    } finally {
      await issuer.close();
    }
  });

  it('ends at Ctrl-C with 130 and keeps nothing', async () => {
    const here = await terminal();
    const login = here.run(first());
    await until(async () => here.shown.stderr.includes('waiting'), 10_000);
    const startedAt = performance.now();
    here.shown.interrupt?.();
    expect(await login).toMatchObject({
      exitCode: 130,
      stderr: expect.stringContaining('nobody was signed in'),
    });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect((await contextsOf(here)).tokens).toBeUndefined();
  });

  it('signs out here and at the issuer', async () => {
    const here = await terminal();
    const login = here.run(first());
    await enterCode(here, 'wanda');
    await login;
    const { tokens } = await contextsOf(here);
    const revocations = () =>
      world.issuer.asked.filter((one) => one === 'POST /token/revocation').length;
    const before = revocations();
    const out = await here.run(['auth', 'logout']);
    expect(out, out.stderr).toMatchObject({ exitCode: 0, stdout: 'here: signed out\n' });
    expect(revocations()).toBe(before + 1);
    const { text } = await contextsOf(here);
    expect(text).not.toContain(tokens?.['refreshToken']);
    const status = await here.run(['auth', 'status']);
    expect(status).toMatchObject({ exitCode: 4, stdout: expect.stringContaining('nothing') });
    // What was kept is enough for the next time.
    const again = here.run(['auth', 'login']);
    here.shown.stderr = '';
    await enterCode(here, 'wanda');
    expect(await again).toMatchObject({ exitCode: 0 });
  });

  it('tells what is missing before it asks anybody', async () => {
    const folder = await temporaryFolder();
    const none = await runVelocity(['auth', 'login'], { folder });
    expect(none).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('context set') });
    const here = await terminal();
    expect(await here.run(['auth', 'login'])).toMatchObject({
      ...{ exitCode: 2, stderr: expect.stringContaining('--issuer') },
    });
    const plain = ['auth', 'login', '--issuer', 'http://id.example.com', '--client-id', 'a'];
    expect(await here.run(plain)).toMatchObject({
      ...{ exitCode: 2, stderr: expect.stringContaining('not an https address') },
    });
  });
});
