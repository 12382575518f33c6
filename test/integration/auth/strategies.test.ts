import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest, testTenant } from '../../support/manifests.ts';
import { uniqueName } from '../../support/postgres.ts';
import { claimsFor, makeKey, signToken, startIssuer } from '../../support/token-issuer.ts';
import { connect } from '../records/trail.ts';
import type { TokenApi } from './token-api.ts';
import { openTokenApi, parcelAccess, parcelFields } from './token-api.ts';

/** Which credentials a schema believes, and what a token's roles and attributes are worth. */

let opened: TokenApi;

beforeAll(async () => {
  opened = await openTokenApi();
});

afterAll(() => opened.close());

const token = (more: object = {}, header: object = {}): string =>
  signToken(opened.key, claimsFor(opened.issuer, { roles: ['clerk'], ...more }), header);

const ref = (name: string) => ({ name, namespace: opened.api.tenant.namespace });

/** A schema with these strategies, and its address. */
async function schemaWith(name: string, spec: object): Promise<string> {
  await opened.api.provide(
    opened.api.tenant.schema(name, {
      fields: parcelFields,
      spec: { access: parcelAccess, ...spec },
    }),
  );
  return opened.api.path(name);
}

const post = (key: string, url: string, payload: object) =>
  opened.api.call(key, { method: 'POST', url, payload });

describe('a strategy of type jwt', () => {
  it('serves its schema to tokens, by the roles that they carry', async () => {
    const created = await post(token(), opened.path, { title: 'one' });
    expect(created.statusCode, created.body).toBe(201);
    expect(created.json()).toMatchObject({ data: { title: 'one', created_by: 'ada' } });
    expect((await opened.get(token({ roles: ['reader'] }))).statusCode).toBe(200);
    const denied = await post(token({ roles: ['reader'] }), opened.path, { title: 'two' });
    expect(denied.json()).toMatchObject({ status: 403, code: 'RBAC_DENIED' });
    for (const roles of [undefined, [], 'nobody', ['platform-admin'], ['CLERK'], { clerk: true }]) {
      expect((await opened.get(token({ roles }))).statusCode, String(roles)).toBe(403);
    }
  });

  it('gives the default role to nobody: a token is for the whole organisation', async () => {
    const url = await schemaWith('leaflet', {
      auth: { strategyRef: ref('tokens') },
      access: { roles: [{ role: 'clerk', operations: ['create'] }] },
    });
    // `reader` is the domain's default role, and none of the token's.
    expect((await opened.get(token(), url)).statusCode).toBe(403);
  });

  it('counts roles of bindings beside those of the token', async () => {
    const spec = { actorId: 'bound', roles: ['clerk'] };
    await opened.api.provide(manifest('RoleBinding', 'bound', opened.api.tenant.namespace, spec));
    const bound = token({ sub: 'bound', roles: [] });
    expect((await post(bound, opened.path, { title: 'by a binding' })).statusCode).toBe(201);
  });

  it('filters rows by the attributes that the token carries', async () => {
    const region = { field: 'region', op: 'eq', value: '{{identity.attributes.region}}' };
    const url = await schemaWith('visit', {
      auth: { strategyRef: ref('tokens') },
      access: { ...parcelAccess, rowFilter: [{ role: 'clerk', filter: region }] },
    });
    for (const place of ['north', 'south', 'south']) {
      const made = await post(token({ region: place }), url, { title: place, region: place });
      expect(made.statusCode, made.body).toBe(201);
    }
    const seen = async (more: object) =>
      ((await opened.get(token(more), url)).json() as { data: unknown[] }).data.length;
    expect(await seen({ region: 'south' })).toBe(2);
    expect(await seen({ region: ['north', 'south'] })).toBe(3);
    expect(await seen({ region: 'east' })).toBe(0);
    expect(await seen({})).toBe(0);
    expect(await seen({ region: { in: ['south'] } })).toBe(0);
  });

  it('leaves its name in the audit', async () => {
    const { json } = await post(token({ sub: 'audited' }), opened.path, { title: 'audited' });
    const { data } = json() as { data: { id: string } };
    const superuser = await connect(opened.api.database.superuserUrl);
    const { rows } = await superuser.query(
      'select actor, strategy from platform.audit_log where entity_id = $1::uuid',
      [data.id],
    );
    await superuser.end();
    const { namespace } = opened.api.tenant;
    expect(rows).toEqual([{ actor: 'audited', strategy: `${namespace}/tokens` }]);
  });

  it('verifies a token once and knows it until it expires, or the strategy changes', async () => {
    const again = token({ jti: 'again' });
    const spec = (audience: string) => ({
      type: 'jwt',
      config: {
        issuers: [{ issuer: opened.issuer.url, audience, claims: { roles: 'roles' } }],
      },
    });
    await opened.api.provide(opened.strategy('moving', spec('velocity')));
    const url = await schemaWith('moving', { auth: { strategyRef: ref('moving') } });
    expect((await opened.get(again, url)).statusCode).toBe(200);
    await opened.issuer.stop();
    expect((await opened.get(again, url)).statusCode).toBe(200);
    await opened.issuer.start();
    await opened.api.provide(opened.strategy('moving', spec('elsewhere')));
    expect((await opened.get(again, url)).json()).toMatchObject({
      ...{ status: 401, details: { reason: 'audience' } },
    });
    await opened.api.provide(opened.strategy('moving', spec('velocity')));
    expect((await opened.get(again, url)).statusCode).toBe(200);
  });

  it('holds each of its issuers to its own keys, audience and mapping', async () => {
    const theirs = makeKey('ES256', 'first');
    const second = await startIssuer([theirs]);
    const roles = { path: 'groups', transform: 'prefix_strip', args: 'velocity:' };
    const issuers = [
      { issuer: opened.issuer.url, audience: 'velocity', claims: { roles: 'roles' } },
      { issuer: second.url, audience: 'partners', jwksUrl: second.jwksUrl, claims: { roles } },
    ];
    await opened.api.provide(opened.strategy('both', { type: 'jwt', config: { issuers } }));
    const url = await schemaWith('shared', { auth: { strategyRef: ref('both') } });
    const groups = { groups: ['velocity:clerk', 'others:clerk'] };
    const partner = claimsFor(second, { ...groups, aud: 'partners', sub: 'pat' });
    const statusOf = async (one: string) => (await opened.get(one, url)).statusCode;
    expect(await statusOf(token())).toBe(200);
    expect(await statusOf(signToken(theirs, partner))).toBe(200);
    const crossed = {
      'the key of one, the name of the other': signToken(opened.key, partner),
      'and the other way round': signToken(theirs, claimsFor(opened.issuer, { roles: ['clerk'] })),
      'the audience of the other': signToken(theirs, { ...partner, aud: 'velocity' }),
      'its own audience at the first': token({ aud: 'partners' }),
    };
    for (const [name, one] of Object.entries(crossed)) expect(await statusOf(one), name).toBe(401);
    // The mapping of the first issuer is none of the second's.
    const unmapped = { ...partner, groups: [], roles: ['clerk'] };
    expect(await statusOf(signToken(theirs, unmapped))).toBe(403);
    expect(second.asked).toEqual(['/jwks']);
    await second.stop();
  });

  it('ends with its token, though it was verified before', async () => {
    const { config } = opened.api.deps.registry
      .snapshot()
      .strategies.get(`${opened.api.tenant.namespace}/tokens`)!.spec;
    expect(config.clockSkew).toBe('10s');
    const now = Math.floor(Date.now() / 1_000);
    // Within the tolerated skew for one second more.
    const ending = token({ iat: now - 60, exp: now - 8 });
    expect((await opened.get(ending)).statusCode).toBe(200);
    await expect
      .poll(async () => (await opened.get(ending)).json<{ code?: string }>().code, {
        timeout: 6_000,
        interval: 200,
      })
      .toBe('AUTH_EXPIRED');
  });

  it('accepts no API key, but for the bootstrap key', async () => {
    const key = await opened.api.keyFor('keith', ['clerk']);
    const refused = await opened.get(key);
    expect(refused.json()).toMatchObject({
      ...{ status: 401, code: 'AUTH_INVALID_TOKEN' },
      hint: expect.stringContaining('tokens of the issuers'),
    });
    expect((await opened.get(opened.api.adminKey)).statusCode).toBe(200);
    expect((await opened.get(undefined)).statusCode).toBe(401);
  });

  it('is not told to another organisation: the schema is not there, whatever it believes', async () => {
    const rival = testTenant(uniqueName('rival'));
    await opened.api.provide(...rival.base);
    const { namespace, organisation } = rival;
    const stranger = await opened.api.keyFor('eve', [], { namespace, organisation });
    const there = await opened.get(stranger);
    const absent = await opened.get(stranger, opened.api.path('absent'));
    expect([there.statusCode, absent.statusCode]).toEqual([404, 404]);
    expect(there.json()).toMatchObject({ code: 'SCHEMA_NOT_FOUND' });
  });

  it('of another organisation grants nothing here, though it names the same issuer', async () => {
    const rival = testTenant(uniqueName('rival'));
    const config = {
      issuers: [{ issuer: opened.issuer.url, audience: 'rival', claims: { roles: 'roles' } }],
    };
    await opened.api.provide(
      ...rival.base,
      manifest('AuthStrategy', 'tokens', rival.namespace, { type: 'jwt', config }),
    );
    const theirs = token({ aud: 'rival' });
    expect((await opened.get(theirs)).statusCode).toBe(404);
    // One that is for both is the schema's own here.
    expect((await opened.get(token({ aud: ['rival', 'velocity'] }))).statusCode).toBe(200);
    const both = await opened.get(token({ aud: ['rival', 'velocity'] }), '/api');
    expect(both.json()).toMatchObject({ status: 401, details: { reason: 'issuer-ambiguous' } });
    const meaning = (organisation: string) =>
      opened.api.call(token({ aud: ['rival', 'velocity'] }), {
        ...{ method: 'GET', url: '/api' },
        headers: { 'x-velocity-organisation': organisation },
      });
    const ours = await meaning(opened.api.tenant.organisation);
    expect(ours.body).toContain('/parcel/v1');
    const others = await meaning(rival.organisation);
    expect([others.statusCode, others.body.includes('/parcel/v1')]).toEqual([200, false]);
    expect((await meaning('nobody')).statusCode).toBe(401);
  });
});

describe('platform routes', () => {
  it('take tokens of any issuer that a strategy names', async () => {
    const listed = await opened.get(token(), '/api');
    expect(listed.statusCode, listed.body).toBe(200);
    expect(listed.body).toContain('/parcel/v1');
    const stranger = signToken(makeKey('ES256', 'first'), claimsFor(opened.issuer));
    expect((await opened.get(stranger, '/api')).statusCode).toBe(401);
    const unknown = token({ iss: 'https://nobody.example' });
    expect((await opened.get(unknown, '/api')).statusCode).toBe(401);
  });

  it('are administered by the roles of a token in its own organisation alone', async () => {
    const { namespace, organisation } = opened.api.tenant;
    const objects = `/api/platform/objects/SchemaDefinition/${namespace}`;
    const admin = token({ roles: ['sales-admin'] });
    expect((await opened.get(admin, objects)).statusCode).toBe(200);
    expect((await opened.get(token(), objects)).statusCode).toBe(403);
    const rival = testTenant(uniqueName('rival'));
    await opened.api.provide(...rival.base);
    const theirs = `/api/platform/objects/SchemaDefinition/${rival.namespace}`;
    expect((await opened.get(admin, theirs)).statusCode).toBe(404);
    expect(organisation).not.toBe(rival.organisation);
  });

  it('let no administrator of a domain say who is believed in the organisation', async () => {
    const { namespace } = opened.api.tenant;
    const put = (name: string, spec: object, key: string) =>
      opened.api.call(key, {
        method: 'PUT',
        url: `/api/platform/objects/AuthStrategy/${namespace}/${name}`,
        payload: opened.strategy(name, spec),
      });
    const admin = token({ roles: ['sales-admin'] });
    const issuers = [{ issuer: opened.issuer.url, audience: 'mine' }];
    for (const [type, config] of [
      ['jwt', { issuers }],
      ['none', {}],
    ] as const) {
      const refused = await put('mine', { type, config }, admin);
      expect(refused.json(), type).toMatchObject({ status: 403, code: 'RBAC_DENIED' });
    }
    expect((await put('mine', { type: 'apikey', config: {} }, admin)).statusCode).toBe(201);
    expect(
      (await put('theirs', { type: 'jwt', config: { issuers } }, opened.api.adminKey)).statusCode,
    ).toBe(201);
  });
});

describe('composite and overriding strategies', () => {
  it('ask their children in order; who applies decides, and its refusal is final', async () => {
    const child = (audience: string) => ({
      type: 'jwt',
      config: {
        issuers: [{ issuer: opened.issuer.url, audience, claims: { roles: 'roles' } }],
      },
    });
    const composite = (...names: string[]) => ({
      type: 'composite',
      config: { children: names.map(ref) },
    });
    await opened.api.provide(
      opened.strategy('strict', child('strict')),
      opened.strategy('inner', composite('keys')),
      opened.strategy('either', composite('inner', 'tokens')),
      opened.strategy('strict-first', composite('strict', 'tokens')),
      opened.strategy('strict-last', composite('tokens', 'strict')),
    );
    const key = await opened.api.keyFor('kim', ['clerk']);
    const either = await schemaWith('either', { auth: { strategyRef: ref('either') } });
    expect((await opened.get(key, either)).statusCode).toBe(200);
    expect((await opened.get(token(), either)).statusCode).toBe(200);
    const damaged = `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`;
    expect((await opened.get(damaged, either)).statusCode).toBe(401);

    // Both name the issuer: the second one would accept what the first one refuses.
    const first = await schemaWith('strict-first', { auth: { strategyRef: ref('strict-first') } });
    const last = await schemaWith('strict-last', { auth: { strategyRef: ref('strict-last') } });
    expect((await opened.get(token(), first)).json()).toMatchObject({
      ...{ status: 401, details: { reason: 'audience' } },
    });
    expect((await opened.get(token(), last)).statusCode).toBe(200);
    expect((await opened.get(token({ aud: 'strict' }), first)).statusCode).toBe(200);
    expect((await opened.get(token({ aud: 'strict' }), last)).statusCode).toBe(401);
  });

  it('hold for each operation, also where one request does several', async () => {
    const url = await schemaWith('guarded', {
      auth: {
        strategyRef: ref('keys'),
        overrides: [{ operations: ['delete'], strategyRef: ref('tokens') }],
      },
    });
    const key = await opened.api.keyFor('kate', ['clerk']);
    const { json } = await post(key, url, { title: 'one' });
    const { data } = json() as { data: { id: string } };
    const remove = (by: string) =>
      opened.api.call(by, {
        method: 'DELETE',
        url: `${url}/${data.id}`,
        headers: { 'if-match': '"1"' },
      });
    const bulk = (by: string, op: string) =>
      post(by, `${url}/bulk`, [
        { op, id: data.id, version: 1, ...(op === 'create' && { record: {} }) },
      ] as object);
    expect((await remove(key)).statusCode).toBe(401);
    const deleted = await bulk(key, 'delete');
    expect(deleted.json()).toMatchObject({ status: 401, code: 'AUTH_INVALID_TOKEN' });
    expect(deleted.json<{ hint: string }>().hint).toContain('/tokens');
    // And a token that may delete may not read: reading asks for a key.
    expect((await opened.get(token(), `${url}/${data.id}`)).statusCode).toBe(401);
    const there = await opened.api.call(key, { method: 'GET', url: `${url}/${data.id}` });
    expect(there.statusCode).toBe(200);
    expect((await remove(token())).statusCode).toBe(204);
  });

  it('hold for the schemas that an include leads to', async () => {
    const depot = await schemaWith('depot', { auth: { strategyRef: ref('tokens') } });
    const made = await post(token(), depot, { title: 'secret place' });
    const { id } = (made.json() as { data: { id: string } }).data;
    const fields = [{ name: 'depot', type: 'ref', ref: opened.api.tenant.reference('depot') }];
    await opened.api.provide(
      opened.api.tenant.schema('trip', { fields, spec: { access: parcelAccess } }),
    );
    const key = await opened.api.keyFor('kurt', ['clerk']);
    const trip = await post(opened.api.adminKey, opened.api.path('trip'), { depot: id });
    const tripId = (trip.json() as { data: { id: string } }).data.id;
    const url = `${opened.api.path('trip')}/${tripId}?include=depot`;
    const refused = await opened.api.call(key, { method: 'GET', url });
    expect(refused.json()).toMatchObject({ status: 403, code: 'CROSS_SCHEMA_ACCESS_DENIED' });
    expect(refused.body).not.toContain('secret place');
  });

  it('believe nobody where the strategy is not there', async () => {
    const url = await schemaWith('orphan', { auth: { strategyRef: ref('keys') } });
    const { snapshot } = opened.api.deps.registry;
    const { strategies } = snapshot();
    const key = await opened.api.keyFor('kay', ['clerk']);
    expect((await opened.get(key, url)).statusCode).toBe(200);
    const found = opened.api.deps.authenticator;
    const schema = snapshot().schemas.get(url.slice('/api/'.length));
    const left = new Map([...strategies].filter(([name]) => !name.endsWith('/keys')));
    const ask = async () =>
      found.authenticate(
        { authorization: `Bearer ${key}`, method: 'GET', remoteAddress: '127.0.0.1' },
        { snapshot: { ...snapshot(), strategies: left }, nowMs: Date.now(), schema },
      );
    await expect(ask()).rejects.toMatchObject({ code: 'AUTH_INVALID_TOKEN' });
  });
});

describe('a strategy of type none', () => {
  it('lets callers in without credentials, as whom bindings name', async () => {
    await opened.api.provide(opened.strategy('open', { type: 'none', config: {} }));
    const url = await schemaWith('notice', { auth: { strategyRef: ref('open') } });
    expect((await opened.get(undefined, url)).statusCode).toBe(403);
    const spec = { actorId: 'anonymous', roles: ['reader'] };
    await opened.api.provide(
      manifest('RoleBinding', 'anonymous', opened.api.tenant.namespace, spec),
    );
    expect((await opened.get(undefined, url)).statusCode).toBe(200);
    // Whoever presents something is not taken for nobody.
    expect((await opened.get('vel_test_nonsense', url)).statusCode).toBe(401);
    expect((await opened.get(token(), url)).statusCode).toBe(401);
    // And nowhere else.
    expect((await opened.get(undefined)).statusCode).toBe(401);
    expect((await opened.get(undefined, '/api')).statusCode).toBe(401);
  });
});
