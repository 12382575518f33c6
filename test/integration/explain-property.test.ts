import fc from 'fast-check';
import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findAccess } from '../../src/auth/access.ts';
import type { Explanation } from '../../src/contract/explanation.ts';
import type { KeyScope } from '../../src/contract/identity.ts';
import { manifest } from '../support/manifests.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import type { Caller } from './records/call.ts';
import { callerOf } from './records/call.ts';

let api: TestApi;
let admin: Caller;
let made = 0;
const runs = Number(process.env['VELOCITY_TEST_RUNS'] ?? 12);

beforeAll(async () => {
  api = await openTestApi();
  admin = callerOf(api, api.adminKey);
});

afterAll(() => api?.close());

const roles = ['reader', 'clerk', 'auditor', 'sales-admin'] as const;
const names = ['region', 'level', 'note'] as const;
const operations = ['create', 'read', 'update', 'delete', 'history', 'export'] as const;
const regions = ['north', 'south', 'east'] as const;

const some = <T>(items: readonly T[], minLength = 0) =>
  fc.subarray([...items], { minLength }) as fc.Arbitrary<T[]>;
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

const fieldAccess = fc.record({ read: some(roles), write: some(roles) }, { requiredKeys: [] });
const rowFilter = fc.record({
  role: fc.constantFrom(...roles),
  filter: fc.oneof(
    fc.constant({ field: 'region', op: 'eq', value: '{{identity.attributes.region}}' }),
    fc.constant({ field: 'region', op: 'not_in', value: '{{identity.attributes.region}}' }),
    fc.record({ field: fc.constant('region'), op: fc.constant('in'), value: some(regions, 1) }),
    fc.record({ field: fc.constant('level'), op: fc.constant('gte'), value: fc.nat(3) }),
    fc.constant({ field: 'note', op: 'is_null', value: true }),
  ),
});
const mask = fc.record({
  strategy: fc.constantFrom('redact', 'partial', 'hash'),
  unmaskedFor: some(roles),
});
const policy = fc.constantFrom(
  { action: 'read', condition: '!has(self.level) || self.level < 3' },
  { action: 'create', condition: 'self.region != "east"' },
  {
    action: 'update',
    condition: '!has(old.level) || !has(self.level) || self.level >= old.level',
  },
  { action: 'update', fields: ['note'], condition: '"auditor" in actor.roles' },
  { action: 'delete', condition: 'old.created_by == actor.id || "clerk" in actor.roles' },
  { action: 'history', condition: 'self.region == actor.attributes.region' },
  { action: '*', condition: 'request.operation != "history"' },
);
const schemaSpec = fc.record({
  mask: maybe(mask),
  policies: fc.uniqueArray(policy, { maxLength: 3 }),
  grants: some(['reader', 'clerk', 'auditor'] as const, 1).chain((granted) =>
    fc.tuple(
      ...granted.map((role) =>
        fc.record({
          role: fc.constant(role),
          operations: fc.oneof(
            { weight: 1, arbitrary: fc.constant(['*']) },
            { weight: 4, arbitrary: some(operations, 1) },
          ),
        }),
      ),
    ),
  ),
  filters: fc.array(rowFilter, { maxLength: 3 }),
  access: fc.record({
    region: maybe(fieldAccess),
    level: maybe(fieldAccess),
    note: maybe(fieldAccess),
  }),
});

const attributes = fc.record(
  { region: fc.oneof(fc.constantFrom(...regions), some(regions)) },
  { requiredKeys: [] },
);
const scope = (schema: string) =>
  fc.record(
    {
      schema: fc.constantFrom(schema, schema, '*', 'elsewhere'),
      operations: some(operations, 1),
      attributes,
    },
    { requiredKeys: ['schema'] },
  );
const keyScope = (schema: string) =>
  fc
    .tuple(
      scope(schema),
      maybe(fc.record({ read: some(names), write: some(names) }, { requiredKeys: [] })),
    )
    .map(([one, fields]): KeyScope => ({ ...one, ...(fields && { fields }) }));
const caller = (schema: string) =>
  fc.record({
    bindings: fc.array(
      fc.record({
        roles: some(roles, 1),
        scopes: fc.array(scope(schema), { maxLength: 2 }),
        ended: fc.boolean(),
      }),
      { maxLength: 2 },
    ),
    keyScopes: fc.oneof(
      { weight: 2, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(keyScope(schema), { minLength: 1, maxLength: 2 }) },
    ),
  });
const values = fc.record(
  {
    region: fc.constantFrom(...regions, null),
    level: fc.integer({ min: 0, max: 3 }),
    note: fc.constantFrom('a', null),
    code: fc.constantFrom('c-1', 'c-2', '***', null),
    absent: fc.constant('x'),
  },
  { requiredKeys: [] },
);
/** Mostly of fields that there are. */
const body = fc.oneof(
  { weight: 5, arbitrary: values.map(({ absent: _, ...rest }) => rest) },
  { weight: 1, arbitrary: values },
);

/** What the endpoint said, in the explanation's terms. */
function saidBy(answer: LightMyRequestResponse) {
  const allowed = answer.statusCode < 400;
  return allowed ? { allowed } : { allowed, status: answer.statusCode, code: answer.json().code };
}

const said = ({ allowed, status, code }: Explanation) =>
  allowed ? { allowed } : { allowed, status, code };

describe('an explanation', () => {
  it('says of anybody and any operation what the endpoint then does', async () => {
    let allowed = 0;
    let denied = 0;
    await fc.assert(
      fc.asyncProperty(
        schemaSpec,
        fc.array(body, { minLength: 3, maxLength: 3 }),
        fc.array(caller('NAME'), { minLength: 4, maxLength: 4 }),
        fc.array(body, { minLength: 8, maxLength: 8 }),
        async (spec, records, callers, bodies) => {
          const name = `thing-${++made}`;
          const named = JSON.parse(JSON.stringify(callers).replaceAll('"NAME"', `"${name}"`));
          await provideSchema(name, spec);
          const path = api.path(name);
          const ids: string[] = [];
          for (const { absent: _, code: __, ...record } of records as Record<string, unknown>[]) {
            const created = await admin('POST', path, { body: record });
            ids.push(created.json().data.id);
          }
          for (const [index, one] of (named as typeof callers).entries()) {
            const who = await provideCaller(`${name}-${index}`, one);
            for (const [at, id] of ids.entries()) {
              const [patch = {}, fresh = {}] = bodies.slice((index + at) % 7);
              const stored = (await admin('GET', `${path}/${id}`)).json().data;
              const tries: [question: object, act: () => Promise<LightMyRequestResponse>][] = [
                [{ operation: 'read' }, () => who.send('GET', path)],
                [{ operation: 'read', id }, () => who.send('GET', `${path}/${id}`)],
                [{ operation: 'history', id }, () => who.send('GET', `${path}/${id}/history`)],
                [
                  { operation: 'update', id, record: patch },
                  () =>
                    who.send('PATCH', `${path}/${id}`, {
                      body: { ...patch, version: stored?.version ?? 1 },
                    }),
                ],
                [
                  { operation: 'create', record: fresh },
                  () => who.send('POST', path, { body: fresh }),
                ],
                ...(at === index % ids.length
                  ? [
                      [
                        { operation: 'delete', id },
                        () => who.send('DELETE', `${path}/${id}`),
                      ] as never,
                    ]
                  : []),
              ];
              for (const [question, act] of tries) {
                const own = await explain(who.send, path, question);
                const asked = await explain(admin, path, { ...question, ...who.subject });
                const done = saidBy(await act());
                expect(said(own), JSON.stringify({ question, one })).toEqual(done);
                expect(said(asked), JSON.stringify({ question, one })).toEqual(done);
                if (done.allowed) allowed += 1;
                else denied += 1;
              }
            }
            const schema = api.deps.registry.snapshot().schemas.get(path.slice('/api/'.length));
            const access =
              schema &&
              findAccess({
                identity: who.identity,
                snapshot: api.deps.registry.snapshot(),
                ...{ schema, operation: 'export', nowMs: Date.now() },
              });
            const { allowed: exports } = await explain(who.send, path, { operation: 'export' });
            expect(exports).toBe(access !== undefined);
          }
        },
      ),
      { numRuns: runs },
    );
    // A property of nothing but denials, or of none, would hold for any explanation.
    expect(Math.min(allowed, denied)).toBeGreaterThan(runs);
  }, 600_000);
});

type Spec = typeof schemaSpec extends fc.Arbitrary<infer T> ? T : never;
type AnyCaller = ReturnType<typeof caller> extends fc.Arbitrary<infer T> ? T : never;

async function provideSchema(
  name: string,
  { grants, filters, access, mask, policies }: Spec,
): Promise<void> {
  const field = (of: (typeof names)[number], type: string) => ({
    ...{ name: of, type, filterable: true },
    ...(access[of] !== undefined && { access: access[of] }),
  });
  await api.provide(
    api.tenant.schema(name, {
      fields: [
        ...[field('region', 'string'), field('level', 'integer'), field('note', 'string')],
        { name: 'code', type: 'string', ...(mask !== undefined && { mask }) },
      ],
      spec: {
        access: {
          ...{ roles: grants, rowFilter: filters },
          policies: policies.map((one, index) => ({ name: `p${index}`, ...one })),
        },
      },
    }),
  );
}

async function provideCaller(actor: string, { bindings, keyScopes }: AnyCaller) {
  const { namespace, organisation } = api.tenant;
  await api.provide(
    ...bindings.map(({ roles: held, scopes, ended }, index) =>
      manifest('RoleBinding', `${actor}-${index}`, namespace, {
        ...{ actorId: actor, roles: held, scopes },
        ...(ended && index === 1 && { expiresAt: '2020-01-01T00:00:00Z' }),
      }),
    ),
  );
  const name = `${actor}-key`;
  const send = callerOf(api, await api.keyFor(actor, [], { name, scopes: keyScopes }));
  const identity = {
    ...{ organisation, actor, actorType: 'user' as const, strategy: 'apikey' },
    ...{ platformAdmin: false, keyScopes: keyScopes.length === 0 ? undefined : keyScopes },
    ...{ roles: [], attributes: {}, credential: { kind: 'apikey' as const, id: '' } },
  };
  return { send, subject: { actor, key: name }, identity };
}

async function explain(send: Caller, path: string, question: object): Promise<Explanation> {
  const body = { schema: path.slice('/api/'.length), ...question };
  const answer = await send('POST', '/api/platform/explain', { body });
  expect(answer.statusCode, `${JSON.stringify(question)} ${answer.body}`).toBe(200);
  return answer.json().data;
}
