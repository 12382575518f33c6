import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Answer, LocalApi } from './local-api.ts';
import { startLocalApi } from './local-api.ts';
import { runVelocity, temporaryFolder } from './run-velocity.ts';

const json = { 'content-type': 'application/json' };

function refusal(error: string): Answer {
  return { status: 400, headers: json, body: { error } };
}

/** An issuer that answers the polls in this order. */
async function startIssuer(answers: readonly Answer[]) {
  const polledAt: number[] = [];
  const issuer: LocalApi = await startLocalApi({
    'GET /.well-known/openid-configuration': () => ({
      body: {
        issuer: issuer.url,
        device_authorization_endpoint: `${issuer.url}/device`,
        token_endpoint: `${issuer.url}/token`,
      },
    }),
    'POST /device': () => ({
      body: {
        ...{ device_code: 'd', user_code: 'ABCD-EFGH\u001b[31m', interval: 1, expires_in: 60 },
        verification_uri: `${issuer.url}/enter\u0007`,
      },
    }),
    'POST /token': () => {
      polledAt.push(performance.now());
      return answers[polledAt.length - 1] ?? refusal('access_denied');
    },
    'GET /auth/me': () => ({ body: { data: {} } }),
  });
  return { issuer, polledAt };
}

async function signIn(issuer: LocalApi) {
  const folder = await temporaryFolder();
  await runVelocity(['context', 'set', 'here', '--url', issuer.url], { folder });
  const argv = ['auth', 'login', '--issuer', issuer.url, '--client-id', 'cli'];
  return { folder, ran: await runVelocity(argv, { folder }) };
}

describe('the device flow', () => {
  it('polls no faster than the issuer allows, and slower when it asks for that', async () => {
    const tokens = { access_token: 'a', token_type: 'Bearer', expires_in: 60, refresh_token: 'r' };
    const { issuer, polledAt } = await startIssuer([
      refusal('authorization_pending'),
      refusal('slow_down'),
      { body: tokens },
    ]);
    const startedAt = performance.now();
    const { folder, ran } = await signIn(issuer);
    expect(ran, ran.stderr).toMatchObject({ exitCode: 0 });
    const [first = 0, second = 0, third = 0] = polledAt;
    expect(first - startedAt).toBeGreaterThanOrEqual(990);
    expect(second - first).toBeGreaterThanOrEqual(990);
    // RFC 8628, 3.5: five seconds more for this and all later requests.
    expect(third - second).toBeGreaterThanOrEqual(5_990);
    const file = await readFile(join(folder, 'config', 'velocity', 'config.json'), 'utf8');
    expect(JSON.parse(file)).toMatchObject({
      contexts: { here: { signIn: { tokens: { accessToken: 'a', refreshToken: 'r' } } } },
    });
  });

  it('shows what the issuer sends without letting it steer the terminal', async () => {
    const { issuer } = await startIssuer([refusal('access_denied')]);
    const { ran } = await signIn(issuer);
    expect(ran).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('access_denied') });
    expect(ran.stderr).toContain('ABCD-EFGH');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(ran.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});
