import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest, testTenant } from '../support/manifests.ts';
import { uniqueName } from '../support/postgres.ts';
import type { TestIssuer } from '../support/token-issuer.ts';
import { claimsFor, makeKey, signToken, startIssuer } from '../support/token-issuer.ts';
import type { Keys } from './access/provide-worlds.ts';
import { provideWorlds } from './access/provide-worlds.ts';
import { seededRandom } from './access/random.ts';
import { randomRequests } from './access/random-request.ts';
import { attributes, randomCaller, randomSpec, randomValues } from './access/random-world.ts';
import { answerOf, knownFields } from './access/reference.ts';
import type { Expected } from './access/reference-answer.ts';
import { sometime } from './access/reference-answer.ts';
import { hashOf, statusOf } from './access/reference-rights.ts';
import { httpOf } from './access/request-url.ts';
import type { AccessRequest, Caller, KnownRecord, World } from './access/world.ts';
import { adminActor } from './access/world.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import { callerOf, comparable } from './records/call.ts';

/**
 * Whatever the roles, bindings, keys, filters and rules: every answer is the one that the reference
 * evaluator gives. `ACCESS_SCHEMAS` asks for more or fewer schemas than fit into the time of CI, and
 * `ACCESS_SEED` for certain ones: the seed of a schema is the first one's and its number.
 */
const { ACCESS_SCHEMAS, ACCESS_SEED } = process.env;
const schemasWanted = Number(ACCESS_SCHEMAS ?? 200);
/** What two busy cores do in time: where they are slower than that, this many are done all the same. */
const schemasMin = Math.min(schemasWanted, 60);
const budgetMs = ACCESS_SCHEMAS === undefined ? 200_000 : Number.POSITIVE_INFINITY;
const firstSeed = ACCESS_SEED === undefined ? randomInt(2 ** 30) : Number(ACCESS_SEED);
const callersEach = 50;
const recordsEach = 50;
/** Schemas that are provided together, and asked side by side: their records have nothing in common. */
const together = 8;

let api: TestApi;
let rivalNamespace: string;
let issuer: TestIssuer;
const signingKey = makeKey('ES256', 'first');
let rival: string;
/** Answers by kind of request and status: what the run has shown. */
const tally = new Map<string, number>();

beforeAll(async () => {
  api = await openTestApi();
  rival = uniqueName('rival');
  const tenant = testTenant(rival);
  rivalNamespace = tenant.namespace;
  issuer = await startIssuer([signingKey]);
  const { namespace } = api.tenant;
  const claims = {
    roles: 'roles',
    attributes: Object.fromEntries(attributes.map((name) => [name, name])),
  };
  const issuers = [{ issuer: issuer.url, audience: 'velocity', claims }];
  await api.provide(
    ...tenant.base,
    manifest('AuthStrategy', 'tokens', namespace, { type: 'jwt', config: { issuers } }),
    manifest('AuthStrategy', 'either', namespace, {
      type: 'composite',
      config: { children: ['tokens', 'keys'].map((name) => ({ name, namespace })) },
    }),
  );
});

afterAll(async () => {
  await issuer?.stop();
  await api?.close();
});

function sign({ actor, token, key }: Caller): string {
  const ends = key.standing === 'expired' ? { iat: 1, exp: 2 } : {};
  const said = { ...token?.attributes, roles: token?.roles, sub: actor, ...ends };
  return signToken(signingKey, claimsFor(issuer, said));
}

function randomWorld(seed: number): World {
  const random = seededRandom(seed);
  const { organisation, namespace } = api.tenant;
  const spec = randomSpec(random, { name: 'either', namespace });
  const name = `case-${seed}`;
  const place = { schema: name, organisation, rival };
  const callers = Array.from({ length: callersEach }, (_, index) =>
    randomCaller(random, place, spec.fields, `${name}-${index}`),
  );
  return { name, organisation, spec, callers, records: [] };
}

async function fill(world: World, seed: number): Promise<void> {
  const random = seededRandom(~seed);
  const { fields } = world.spec;
  const all = Array.from({ length: recordsEach }, (_, n) => randomValues(random, fields, n));
  const answer = await callerOf(api, api.adminKey)('POST', `${api.path(world.name)}/bulk`, {
    body: all.map((record) => ({ op: 'create', record })),
  });
  expect(answer.statusCode, answer.body).toBe(200);
  const made = answer.json().data as { id: string }[];
  made.forEach(({ id }, index) => {
    const values = all[index] ?? {};
    const states = [{ version: 1, operation: 'create', actor: adminActor, values } as const];
    world.records.push({ id, states: [...states] });
  });
}

/** Asks everything of one world, a request after the other. */
async function ask(world: World, keys: Keys, seed: number): Promise<void> {
  await fill(world, seed);
  const random = seededRandom(seed ^ 0x5eed);
  for (const caller of world.callers) {
    for (const request of randomRequests(random, world, caller)) {
      const before = structuredClone(world.records);
      const expected = answerOf(world, caller, request);
      const http = httpOf(api.path(world.name), request);
      const answer = await api.call(keys.get(caller), http);
      const told = answer.body === '' ? undefined : answer.json();
      if (request.kind === 'create' && answer.statusCode === 201) takeId(world.records, told.data);
      const differs = differenceOf(expected, answer.statusCode, told, request);
      const leaked = leakOf(world, caller, request, answer.body);
      if (differs !== undefined || leaked !== undefined) {
        const difference = `${leaked ?? differs}\nanswered ${answer.statusCode} ${answer.body}`;
        throw new Error(describeCase({ world, caller, request, before, seed }, difference));
      }
      const key = `${request.kind} ${answer.statusCode}`;
      tally.set(key, (tally.get(key) ?? 0) + 1);
      if (told?.code === 'UNKNOWN_FIELD') await askOfAbsent(world, caller, request, keys, seed);
    }
  }
}

function takeId(records: KnownRecord[], data: { id: string }): void {
  const last = records.at(-1);
  if (last?.id === '') records.splice(-1, 1, { ...last, id: data.id });
}

function differenceOf(
  expected: Expected,
  status: number,
  told: Record<string, unknown> | undefined,
  request: AccessRequest,
): string | undefined {
  const wanted = JSON.stringify(expected);
  if ('codes' in expected) {
    const code = expected.codes.find((one) => one === told?.['code']);
    return code !== undefined && status === statusOf[code] ? undefined : `expected ${wanted}`;
  }
  if (status !== expected.status) return `expected ${wanted}`;
  try {
    if (status === 204) expect(told).toBeUndefined();
    else {
      const wantedData = plain(expected.data, request);
      const hashesNamed = nameHashes(plain(told?.['data'], request), wantedData);
      expect(hashesNamed).toEqual(wantedData);
    }
    if (expected.total !== undefined)
      expect(told?.['pagination']).toMatchObject({ total: expected.total });
    return undefined;
  } catch (error) {
    return `${(error as Error).message}\nexpected ${wanted}`;
  }
}

/** What each hash stands for: the same value has the same in the whole organisation, another another. */
const hashes = new Map<string, string>();

/** The answer with every hash replaced by what it must be of. */
function nameHashes(data: unknown, wanted: unknown): unknown {
  if (typeof data === 'string' && /^hmac-sha256:[0-9a-f]{64}$/.test(data)) {
    const isNew = !hashes.has(data) && ![...hashes.values()].includes(String(wanted));
    if (isNew && String(wanted).startsWith(hashOf)) hashes.set(data, String(wanted));
    return hashes.get(data) ?? data;
  }
  if (typeof data !== 'object' || data === null) return data;
  const other = (wanted ?? {}) as Record<string, unknown>;
  if (Array.isArray(data)) return data.map((one, index) => nameHashes(one, other[index]));
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => [name, nameHashes(value, other[name])]),
  );
}

/** Times and new ids are the platform's to choose; of a version in the history, what is compared. */
function plain(data: unknown, { kind }: AccessRequest): unknown {
  const ofRecord = (row: Record<string, unknown>): unknown => {
    const copy = { ...row };
    for (const name of ['created_at', 'updated_at']) {
      if (typeof copy[name] === 'string') copy[name] = sometime;
    }
    if (kind === 'create') delete copy['id'];
    return copy;
  };
  const of = (row: Record<string, unknown>): unknown => {
    if (kind !== 'history') return ofRecord(row);
    const { version, operation, actor, record } = row;
    return { version, operation, actor, record: ofRecord(record as Record<string, unknown>) };
  };
  return Array.isArray(data) ? data.map(of) : of(data as Record<string, unknown>);
}

/** The name of a field that is hidden from the caller is in no answer, unless the caller said it. */
function leakOf(
  world: World,
  caller: Caller,
  request: AccessRequest,
  body: string,
): string | undefined {
  const known = new Set(knownFields(world, caller, operationOf(request)));
  const said = JSON.stringify(request);
  const leaked = world.spec.fields.find(
    ({ name }) => !known.has(name) && !said.includes(name) && body.includes(name),
  );
  return leaked === undefined ? undefined : `${leaked.name} is hidden, and told in ${body}`;
}

function operationOf({ kind }: AccessRequest) {
  if (kind === 'history' || kind === 'create' || kind === 'delete') return kind;
  return kind === 'patch' || kind === 'put' ? 'update' : 'read';
}

/** What is said of a hidden field is said of one that does not exist, word for word. */
async function askOfAbsent(
  world: World,
  caller: Caller,
  request: AccessRequest,
  keys: Keys,
  seed: number,
): Promise<void> {
  const known = new Set(knownFields(world, caller, operationOf(request)));
  const hidden = world.spec.fields.map(({ name }) => name).filter((name) => !known.has(name));
  const said = JSON.stringify(request);
  const path = api.path(world.name);
  for (const name of hidden.filter((one) => said.includes(`"${one}"`))) {
    const other = JSON.parse(said.replaceAll(`"${name}"`, '"nothing_of"')) as AccessRequest;
    const [one, two] = [
      comparable(await api.call(keys.get(caller), httpOf(path, request))),
      comparable(await api.call(keys.get(caller), httpOf(path, other))),
    ].map((told) => JSON.stringify(told));
    if (one?.replaceAll(name, 'NAME') === two?.replaceAll('nothing_of', 'NAME')) continue;
    throw new Error(
      describeCase(
        { world, caller, request, before: [], seed },
        `${one}\nbut of a field that is not there\n${two}`,
      ),
    );
  }
}

/** The one case, with all that it takes to understand it, and what asks it again. */
function describeCase(
  at: {
    readonly world: World;
    readonly caller: Caller;
    readonly request: AccessRequest;
    readonly before: readonly KnownRecord[];
    readonly seed: number;
  },
  difference: string | undefined,
): string {
  const { world, caller, request, before, seed } = at;
  const record = 'id' in request ? before.find(({ id }) => id === request.id) : undefined;
  return [
    `the platform and the reference differ; again: ACCESS_SEED=${seed} ACCESS_SCHEMAS=1`,
    `fields ${JSON.stringify(world.spec.fields)}`,
    `access ${JSON.stringify(world.spec.access)}`,
    `caller ${JSON.stringify(caller)}`,
    `request ${JSON.stringify(request)}`,
    ...(record === undefined ? [] : [`record ${JSON.stringify(record)}`]),
    `${difference}`,
  ].join('\n');
}

describe('random access rules', () => {
  it('are answered as the reference evaluator answers them, on every endpoint', async () => {
    const startedAt = performance.now();
    let done = 0;
    while (done < schemasWanted) {
      if (done >= schemasMin && performance.now() - startedAt > budgetMs) break;
      const count = Math.min(together, schemasWanted - done);
      const seeds = Array.from({ length: count }, (_, index) => firstSeed + done + index);
      const worlds = seeds.map(randomWorld);
      const keys = await provideWorlds(api, worlds, { rivalNamespace, sign });
      await Promise.all(worlds.map((world, index) => ask(world, keys, seeds[index] ?? 0)));
      done += count;
    }
    const asked = [...tally.values()].reduce((sum, count) => sum + count, 0);
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    console.log(`access: ${done} schemas, ${asked} requests in ${seconds} s, seed ${firstSeed}`);
    if (done < schemasMin || done < 20) return;
    // What was never allowed, or never refused, has not been shown.
    for (const kind of [
      'get',
      'list',
      'query',
      'groups',
      'history',
      'create',
      'patch',
      'put',
      'delete',
    ]) {
      const of = (low: number, high: number): number =>
        [...tally]
          .filter(([key]) => key.startsWith(`${kind} `))
          .filter(([key]) => Number(key.slice(-3)) >= low && Number(key.slice(-3)) < high)
          .reduce((sum, [, count]) => sum + count, 0);
      expect(of(200, 300), `${kind} allowed`).toBeGreaterThan(done / 2);
      expect(of(400, 500), `${kind} refused`).toBeGreaterThan(done / 2);
    }
  }, 900_000);
});
