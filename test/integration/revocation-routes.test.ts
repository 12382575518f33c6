import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from '../support/manifests.ts';
import { runVelocity } from '../unit/cli/run-velocity.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import type { Caller } from './records/call.ts';
import { callerOf } from './records/call.ts';
import { connect } from './records/trail.ts';

const root = '/api/platform/revocations';

let api: TestApi;
let other: string;
const callers: Record<string, Caller> = {};

beforeAll(async () => {
  api = await openTestApi();
  const { organisation } = api.tenant;
  other = `other-${organisation}`;
  const domain = (name: string) =>
    manifest('Domain', name, `${organisation}-shop-${name}`, {
      ...{ app: 'shop', displayName: name },
      access: { defaultRole: 'reader', adminRole: `${name}-admin` },
    });
  await api.provide(
    manifest('Organisation', organisation, organisation, {
      ...{ displayName: 'Acme', adminRoles: ['org-admin'] },
    }),
    domain('sales'),
    domain('stock'),
    api.tenant.schema('note', {
      spec: { access: { roles: [{ role: 'writer', operations: ['*'] }] } },
    }),
    manifest('Organisation', other, other, { displayName: 'Other', adminRoles: ['org-admin'] }),
    manifest('RoleBinding', 'sam-in-stock', `${organisation}-shop-stock`, {
      ...{ actorId: 'sam', roles: ['picker'] },
    }),
  );
  const people: [string, string[]][] = [
    ['olga', ['org-admin']],
    ['dora', ['sales-admin']],
    ['wanda', ['writer']],
    ['will', ['writer']],
    ['sam', ['writer']],
  ];
  for (const [actor, roles] of people)
    callers[actor] = callerOf(api, await api.keyFor(actor, roles));
  callers['nina'] = callerOf(api, await api.keyFor('nina', []));
  callers['scoped'] = callerOf(api, await api.keyFor('olga', [], { scopes: [{ schema: 'note' }] }));
  callers['admin'] = callerOf(api, api.adminKey);
});

afterAll(() => api?.close());

async function status(who: string, body: unknown): Promise<unknown> {
  const answer = await callers[who]!('POST', root, { body });
  return answer.statusCode === 201 ? 201 : answer.json<{ code: string }>().code;
}

const restore = (who: string, kind: string, id: string) =>
  callers[who]!('DELETE', `${root}/${kind}/${encodeURIComponent(id)}`);

describe('revoking', () => {
  it('ends an actor’s access until somebody restores it, and the audit has both', async () => {
    expect((await callers['wanda']!('GET', api.path('note'))).statusCode).toBe(200);
    const answer = await callers['olga']!('POST', root, {
      body: { kind: 'actor', id: 'wanda', reason: 'lost her laptop' },
    });
    const { organisation } = api.tenant;
    expect(answer.json()).toMatchObject({
      data: { organisation, kind: 'actor', id: 'wanda', endsAt: null },
    });
    for (const url of [api.path('note'), '/api', '/api/openapi.json']) {
      const refused = await callers['wanda']!('GET', url);
      expect([refused.statusCode, refused.json().code]).toEqual([401, 'AUTH_REVOKED']);
      expect(refused.headers['www-authenticate']).toBeDefined();
    }
    const listed = await callers['olga']!('GET', root);
    expect(listed.json().data).toEqual([
      {
        ...{ organisation, kind: 'actor', id: 'wanda', endsAt: null, revokedBy: 'olga' },
        ...{ revokedAt: expect.any(String), reason: 'lost her laptop' },
      },
    ]);
    expect((await restore('olga', 'actor', 'wanda')).statusCode).toBe(204);
    expect((await callers['wanda']!('GET', api.path('note'))).statusCode).toBe(200);
    expect((await callers['olga']!('GET', root)).json().data).toEqual([]);

    const superuser = await connect(api.database.superuserUrl);
    const { rows } = await superuser.query(
      `select operation, actor, outcome, reason, payload from platform.audit_log
        where operation in ('revoke', 'restore-access') order by id`,
    );
    await superuser.end();
    const payload = { kind: 'actor', id: 'wanda' };
    expect(rows).toEqual([
      { operation: 'revoke', actor: 'olga', outcome: 'ok', reason: 'lost her laptop', payload },
      { operation: 'restore-access', actor: 'olga', outcome: 'ok', reason: null, payload },
    ]);
  });

  it('is for who administers whom', async () => {
    const actor = (id: string) => ({ kind: 'actor', id });
    const cases: [who: string, body: object, answer: unknown][] = [
      // Nobody without administration, and no key that was made for records.
      ['wanda', actor('will'), 'RBAC_DENIED'],
      ['nina', actor('nina'), 'RBAC_DENIED'],
      ['scoped', actor('will'), 'RBAC_DENIED'],
      // A domain's administrator: whose roles are all theirs to give, and none of which administers.
      ['dora', actor('will'), 201],
      ['dora', actor('sam'), 'RBAC_DENIED'],
      ['dora', actor('olga'), 'RBAC_DENIED'],
      ['dora', actor('nobody-yet'), 'RBAC_DENIED'],
      ['dora', { kind: 'token', id: 'jti' }, 'RBAC_DENIED'],
      ['dora', { kind: 'session', id: 's' }, 'RBAC_DENIED'],
      // The organisation's: everybody and everything of it, and nothing of another.
      ['olga', actor('sam'), 201],
      ['olga', actor('dora'), 201],
      ['olga', { kind: 'token', id: 'jti' }, 201],
      ['olga', { kind: 'session', id: 's' }, 201],
      ['olga', { ...actor('x'), organisation: other }, 'ENTITY_NOT_FOUND'],
      ['olga', { ...actor('platform-admin'), organisation: 'platform' }, 'ENTITY_NOT_FOUND'],
      ['admin', { ...actor('x'), organisation: other }, 201],
      ['admin', actor('platform-admin'), 'RBAC_DENIED'],
    ];
    for (const [who, body, answer] of cases) {
      expect([who, body, await status(who, body)]).toEqual([who, body, answer]);
    }
    // Dora is out herself now; whom she kept out only the organisation lets in again.
    expect(await status('dora', actor('will'))).toBe('AUTH_REVOKED');
    expect((await restore('olga', 'actor', 'dora')).statusCode).toBe(204);
    expect((await restore('dora', 'actor', 'will')).json().code).toBe('RBAC_DENIED');
    expect((await callers['dora']!('GET', root)).json().code).toBe('RBAC_DENIED');
    for (const id of ['will', 'sam']) {
      expect((await restore('olga', 'actor', id)).statusCode).toBe(204);
    }
  });

  it('says what is not well formed', async () => {
    const cases: [body: unknown, pointers: string[]][] = [
      [{}, ['/kind', '/id']],
      [{ kind: 'key', id: 'a/b' }, ['/kind']],
      [{ kind: 'actor', id: 'x'.repeat(513) }, ['/id']],
      [{ kind: 'actor', id: 'x', endsAt: '2020-01-01T00:00:00Z' }, ['/endsAt']],
      [{ kind: 'actor', id: 'x', endsAt: 'tomorrow' }, ['/endsAt']],
      [{ kind: 'actor', id: 'x', until: 'tomorrow' }, ['/until']],
    ];
    for (const [body, pointers] of cases) {
      const { details } = (await callers['olga']!('POST', root, { body })).json();
      expect(details.problems.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
    }
    expect((await restore('olga', 'key', 'x')).statusCode).toBe(404);
  });

  it('of a token lasts as long as the longest token of the organisation', async () => {
    const { namespace } = api.tenant;
    const endOf = async (): Promise<number | undefined> => {
      const answer = await callers['olga']!('POST', root, { body: { kind: 'token', id: 'jti-2' } });
      const { endsAt } = answer.json().data;
      return endsAt === null ? undefined : Date.parse(endsAt) - Date.now();
    };
    const issuers = [
      { issuer: 'https://id.example', audience: 'velocity', jwksUrl: 'https://id.example/keys' },
    ];
    const strategy = (name: string, config: object) =>
      manifest('AuthStrategy', name, namespace, { type: 'jwt', config: { issuers, ...config } });
    await api.provide(strategy('short', { ttlMax: '1h' }), strategy('long', { ttlMax: '2h' }));
    const hours = ((await endOf()) ?? 0) / 3_600_000;
    expect(hours).toBeGreaterThan(2);
    expect(hours).toBeLessThan(2.15);
    await api.provide(strategy('skewed', { ttlMax: '2h', clockSkew: '5m' }));
    expect(((await endOf()) ?? 0) / 3_600_000).toBeGreaterThan(2.2);
    await api.provide(strategy('boundless', {}));
    expect(await endOf()).toBeUndefined();
  });
});

describe('velocity auth', () => {
  it('revokes, lists and restores, a key among them', async () => {
    const url = await api.app.listen({ host: '127.0.0.1', port: 0 });
    const olga = await api.keyFor('olga', []);
    const velocity = (...argv: string[]) =>
      runVelocity(['auth', ...argv, '--url', url, '--api-key', olga]);
    const vera = callerOf(api, await api.keyFor('vera', ['writer']));
    expect(await velocity('revoke', 'actor', 'vera', '--reason', 'on leave')).toMatchObject({
      exitCode: 0,
      stdout: 'actor vera revoked until it is restored\n',
    });
    expect((await vera('GET', '/api')).statusCode).toBe(401);
    expect((await velocity('revocations')).stdout).toMatch(
      /actor +vera +restored +olga .+on leave/,
    );
    expect((await velocity('restore', 'actor', 'vera')).exitCode).toBe(0);
    expect((await vera('GET', '/api')).statusCode).toBe(200);

    const until = new Date(Date.now() + 60_000).toISOString();
    const token = await velocity('revoke', 'token', 'jti/3', '--until', until);
    expect(token.stdout).toBe(`token jti/3 revoked until ${until}\n`);
    expect((await velocity('restore', 'token', 'jti/3')).exitCode).toBe(0);

    const issued = await callers['olga']!('POST', '/api/platform/api-keys', {
      body: { name: 'loader', namespace: api.tenant.namespace, actor: 'vera' },
    });
    const loader = callerOf(api, issued.json().data.key);
    expect((await loader('GET', '/api')).statusCode).toBe(200);
    const key = await velocity('revoke', 'key', `${api.tenant.namespace}/loader`);
    expect(key).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('loader revoked') });
    expect((await loader('GET', '/api')).json().code).toBe('AUTH_REVOKED');
    expect((await velocity('revoke', 'key', 'a/b/c')).exitCode).toBe(2);
  });
});
