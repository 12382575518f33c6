import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from '../../support/manifests.ts';
import { claimsFor, signToken } from '../../support/token-issuer.ts';
import type { ApiProcess } from '../api/api-process.ts';
import { spawnApi } from '../api/api-process.ts';
import type { TokenApi } from './token-api.ts';
import { openTokenApi, parcelAccess, parcelFields } from './token-api.ts';

/** What the configuration of a real process opens: nothing, unless it says so. */

let opened: TokenApi;
let open: string;
const running: ApiProcess[] = [];

beforeAll(async () => {
  opened = await openTokenApi();
  const { namespace } = opened.api.tenant;
  await opened.api.provide(
    opened.strategy('open', { type: 'none', config: {} }),
    manifest('RoleBinding', 'anyone', namespace, { actorId: 'anonymous', roles: ['reader'] }),
    opened.api.tenant.schema('notice', {
      fields: parcelFields,
      spec: { auth: { strategyRef: { name: 'open', namespace } }, access: parcelAccess },
    }),
  );
  open = opened.api.path('notice');
});

afterAll(async () => {
  for (const each of running) each.kill('SIGKILL');
  await Promise.all(running.map((each) => each.exited));
  await opened?.close();
});

async function start(env: Record<string, string>): Promise<ApiProcess> {
  const started = await spawnApi({ VELOCITY_DATABASE_URL: opened.api.database.apiUrl, ...env });
  running.push(started);
  return started;
}

async function ask(api: ApiProcess, path: string, token?: string) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const { statusCode, body } = await request(`${api.url}${path}`, { headers });
  const { details } = (await body.json()) as { readonly details?: { readonly reason?: string } };
  return [statusCode, details?.reason];
}

const token = () => signToken(opened.key, claimsFor(opened.issuer, { roles: ['reader'] }));

describe('velocity api', () => {
  it('calls no issuer inside the network, although a strategy names one', async () => {
    const api = await start({});
    opened.issuer.asked.length = 0;
    expect(await ask(api, opened.path, token())).toEqual([401, 'keys-unavailable']);
    expect(opened.issuer.asked).toEqual([]);
    expect(await ask(api, open)).toEqual([401, undefined]);
  });

  it('does so where VELOCITY_OUTBOUND_ALLOW names it, and lets in whom ALLOW_NONE does', async () => {
    const api = await start({
      VELOCITY_OUTBOUND_ALLOW: '127.0.0.1/32',
      VELOCITY_AUTH_ALLOW_NONE: 'on',
    });
    expect(await ask(api, opened.path, token())).toEqual([200, undefined]);
    expect(await ask(api, open)).toEqual([200, undefined]);
    expect(await ask(api, opened.path)).toEqual([401, undefined]);
  });
});
