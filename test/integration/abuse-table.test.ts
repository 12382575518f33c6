import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from '../support/manifests.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import type { Caller } from './records/call.ts';
import { callerOf } from './records/call.ts';

/**
 * What the platform refuses to whoever abuses it, a row a case: either it is shown here, or the suites
 * that show it are named with their title, and are looked for.
 */

interface Row {
  readonly title: string;
  /** The answer, in short. */
  readonly answer: string;
  readonly shown?: () => Promise<void>;
  /** `[file, title]` of a `describe` or `it`; the file is below test/. */
  readonly suites?: readonly (readonly [file: string, title: string])[];
}

let api: TestApi;
let admin: Caller;
let path: string;

beforeAll(async () => {
  api = await openTestApi();
  admin = callerOf(api, api.adminKey);
  path = api.path('note');
  await api.provide(
    api.tenant.schema('note', {
      fields: [
        { name: 'title', type: 'string', filterable: true },
        { name: 'slug', type: 'string', pattern: '^(([a-z])+.)+[A-Z]([a-z])+$' },
        { name: 'word', type: 'string' },
      ],
      spec: {
        access: { roles: [{ role: 'writer', operations: ['*'] }] },
        validations: [{ type: 'cel', rule: '!has(self.word) || self.word.matches("^(a+)+$")' }],
      },
    }),
  );
});

afterAll(() => api?.close());

/** What admission says of a schema. */
async function admitted(fields: readonly object[], spec: object = {}): Promise<unknown> {
  const item = api.tenant.schema('tried', { fields, spec });
  const answer = await admin('POST', '/api/platform/objects?dryRun=true', {
    body: { items: [item] },
  });
  if (answer.statusCode === 200) return 'admitted';
  const { details } = answer.json() as { details: { problems?: { rule: string }[] } };
  return [answer.statusCode, details.problems?.[0]?.rule];
}

const within = async (limitMs: number, work: () => Promise<void>): Promise<void> => {
  const startedAt = performance.now();
  await work();
  expect(performance.now() - startedAt).toBeLessThan(limitMs);
};

const rows: Readonly<Record<number, Row>> = {
  1: {
    title: 'another tenant’s record id',
    answer: '404',
    suites: [
      ['integration/records/abuse.test.ts', '1: another tenant’s'],
      ['integration/access-property.test.ts', 'random access rules'],
    ],
  },
  2: {
    title: 'a reference to another tenant’s row',
    answer: 'the same answer as a missing one',
    suites: [['integration/records/abuse.test.ts', '2: a reference to']],
  },
  3: {
    title: '`alg: none`, HS/RS confusion',
    answer: '401',
    suites: [['integration/auth/hostile-tokens.test.ts', 'hostile tokens']],
  },
  4: {
    title: 'embedded `jwk`, `jku`, `x5u`; path or SQL in `kid`',
    answer: '401, nothing fetched',
    suites: [
      [
        'integration/auth/hostile-tokens.test.ts',
        'has tried several hundred of them, and fetched nothing for any',
      ],
    ],
  },
  5: {
    title: 'wrong `aud`, `iss`; expired; not yet valid',
    answer: '401',
    suites: [
      ['integration/auth/hostile-tokens.test.ts', 'says what is wrong with a token'],
      ['integration/access-property.test.ts', 'random access rules'],
    ],
  },
  6: {
    title: 'a flood of unknown `kid`s',
    answer: '401, at most one fetch in 30 s',
    suites: [
      ['unit/auth/key-sets.test.ts', 'cost one fetch in 30 s under a flood of unknown kids'],
      [
        'integration/auth/key-set-faults.test.ts',
        'killed in the middle of load has everybody served whose key is known, and nobody else',
      ],
    ],
  },
  7: {
    title: 'a revoked token or key',
    answer: '401 at once',
    shown: async () => {
      const { namespace } = api.tenant;
      const roles = ['writer'];
      await api.provide(manifest('RoleBinding', 'leaver', namespace, { actorId: 'leaver', roles }));
      const made = await admin('POST', '/api/platform/api-keys', {
        body: { namespace, name: 'leaver', actor: 'leaver', actorType: 'user' },
      });
      expect(made.statusCode, made.body).toBe(201);
      const leaver = callerOf(api, made.json().data.key);
      expect((await leaver('GET', path)).statusCode).toBe(200);
      const revoked = await admin('DELETE', `/api/platform/api-keys/${namespace}/leaver`);
      expect(revoked.statusCode).toBe(204);
      for (const url of [path, '/api', '/api/platform/objects/sd']) {
        expect((await leaver('GET', url)).json()).toMatchObject({
          ...{ status: 401, code: 'AUTH_REVOKED' },
        });
      }
    },
    suites: [
      ['integration/redis-faults.test.ts', 'is refused at once by the other'],
      ['integration/revocation-routes.test.ts', 'revoking'],
    ],
  },
  8: {
    title: 'an API key with a bad checksum',
    answer: '401 without a database look-up',
    suites: [['integration/records/abuse.test.ts', '8: an API key']],
  },
  9: {
    title: 'a write of a hidden, system or tenant field; of a readable but read-only one',
    answer: '400; 403',
    suites: [
      ['integration/records/abuse.test.ts', '9: a write of'],
      ['integration/access-property.test.ts', 'random access rules'],
    ],
  },
  10: {
    title: 'a filter, sort or search by a hidden field',
    answer: '400, no oracle',
    suites: [
      ['integration/records/abuse.test.ts', '10: a hidden field is no oracle'],
      ['integration/access-timing.test.ts', 'the time of an answer'],
    ],
  },
  11: {
    title: 'granting oneself a role',
    answer: '403',
    suites: [
      ['integration/records/abuse.test.ts', '11: granting oneself'],
      [
        'integration/api-platform.test.ts',
        'refuses to grant oneself a role, and writes it down (abuse case 11)',
      ],
    ],
  },
  17: {
    title: 'a catastrophic regex in a schema',
    answer: 'linear time or refused at admission',
    shown: async () => {
      for (const pattern of ['(a)\\1', '(?=a+)+b', '(?<!a)b', 'a{2000}', '(?>a+)b']) {
        expect(await admitted([{ name: 'slug', type: 'string', pattern }]), pattern).toEqual([
          400,
          'pattern',
        ]);
        const rule = `self.slug.matches(${JSON.stringify(pattern)})`;
        const spec = { validations: [{ type: 'cel', rule }] };
        const told = await admitted([{ name: 'slug', type: 'string' }], spec);
        expect(told, rule).toEqual([400, expect.any(String)]);
      }
      // Both blow up in an engine that backtracks; here and in Postgres they take their length.
      const slug = `${'a'.repeat(20_000)}!`;
      await within(2_000, async () => {
        for (const body of [{ slug }, { word: slug }]) {
          const answer = await admin('POST', path, { body });
          expect(answer.json()).toMatchObject({ status: 400, code: 'VALIDATION_ERROR' });
        }
      });
      await within(2_000, async () => {
        const body = { where: { field: 'title', op: 'like', value: `${'%a'.repeat(200)}%b` } };
        await admin('POST', path, { body: { title: 'a'.repeat(5_000) } });
        expect((await admin('POST', `${path}/query`, { body })).json()).toMatchObject({ data: [] });
      });
    },
  },
  18: {
    title: 'CEL over its bounds',
    answer: 'refused at admission; stopped at 10 ms',
    shown: async () => {
      const fields = [
        { name: 'text', type: 'string' },
        { name: 'tags', type: 'string[]' },
      ];
      for (const rule of [
        `self.text != "${'x'.repeat(10_241)}"`,
        `self.text${'.lowerAscii()'.repeat(11)} == ""`,
        'self.tags.all(x, self.tags.all(y, x == y))',
        Array(450).fill('self.text').join(' + '),
      ]) {
        await within(2_000, async () => {
          const told = await admitted(fields, { validations: [{ type: 'cel', rule }] });
          expect(told, rule.slice(0, 60)).toEqual([400, expect.any(String)]);
        });
      }
    },
    suites: [['unit/cel/check-cel.test.ts', 'an expression › bounds']],
  },
  19: {
    title: 'a webhook or JWKS address inside the network, or rebinding',
    answer: 'refused at admission, blocked at connect',
    suites: [
      [
        'unit/resources/outbound/outbound.test.ts',
        'are not made where a name first leads outside and then inside (rebinding)',
      ],
      [
        'unit/resources/admission/auth-strategies.test.ts',
        'refuses %s, inside the network, unless the installation allows it',
      ],
    ],
  },
  20: {
    title: 'a cookie without the CSRF header',
    answer: '403',
    suites: [
      ['integration/sign-in/session.test.ts', 'reads without and writes only with its CSRF token'],
      [
        'integration/sign-in/browser.test.ts',
        'signs in on localhost, writes with the CSRF header, and signs out',
      ],
    ],
  },
  21: {
    title: 'a stale or missing version',
    answer: '409/412, 428',
    shown: async () => {
      const { id } = (await admin('POST', path, { body: { title: 'one' } })).json().data;
      const codeOf = async (
        method: 'PATCH' | 'PUT' | 'DELETE',
        version: object,
        ifMatch?: string,
      ): Promise<unknown> => {
        const answer = await admin(method, `${path}/${id}`, {
          ...(method !== 'DELETE' && { body: { title: 'two', ...version } }),
          ...(ifMatch !== undefined && { headers: { 'if-match': ifMatch } }),
        });
        return answer.statusCode;
      };
      for (const method of ['PATCH', 'PUT'] as const) {
        expect(await codeOf(method, {})).toBe(428);
        expect(await codeOf(method, { version: 7 })).toBe(409);
        expect(await codeOf(method, {}, '"7"')).toBe(412);
        expect(await codeOf(method, { version: 1 }, '"7"')).toBe(400);
      }
      expect(await codeOf('DELETE', {}, '"7"')).toBe(412);
      const { version, title } = (await admin('GET', `${path}/${id}`)).json().data;
      expect([version, title]).toEqual([1, 'one']);
    },
    suites: [['integration/records/routes.test.ts', 'preconditions']],
  },
  22: {
    title: 'a rate exceeded',
    answer: '429 with Retry-After',
    suites: [
      ['integration/rate-limits.test.ts', 'rate limits of two replicas'],
      ['integration/rate-limits.test.ts', 'requestsPerSecond'],
    ],
  },
  23: {
    title: 'identifiers or values carrying SQL',
    answer: 'treated as data everywhere',
    suites: [['integration/records/sql-as-data.test.ts', 'SQL in values']],
  },
  24: {
    title: 'a masked value guessed through sort order, `min`/`max` or search',
    answer: 'refused for callers that see it masked',
    suites: [
      ['integration/records/masked-guesses.test.ts', '24: a masked value cannot be found out'],
      ['integration/access-property.test.ts', 'random access rules'],
    ],
  },
};

describe('the abuse table', () => {
  for (const [number, { title, answer, shown, suites = [] }] of Object.entries(rows)) {
    if (shown !== undefined) it(`${number}: ${title} → ${answer}`, shown);
    for (const [file, named] of suites) {
      it(`${number}: ${title} → ${answer}: ${file}`, async () => {
        expect(await titlesIn(file)).toContain(named);
      });
    }
  }

  it('shows every case of access and of what callers send', () => {
    const numbers = [
      ...Array.from({ length: 11 }, (_, n) => n + 1),
      17,
      18,
      19,
      20,
      21,
      22,
      23,
      24,
    ];
    expect(Object.keys(rows).map(Number)).toEqual(numbers);
    const empty = Object.values(rows).filter(({ shown, suites }) => !shown && !suites?.length);
    expect(empty).toEqual([]);
  });
});

/** Titles of the describes and tests of a file that are run: neither skipped nor still to be done. */
async function titlesIn(file: string): Promise<string[]> {
  expect(file).toMatch(/\.test\.ts$/);
  const text = await readFile(new URL(`../${file}`, import.meta.url), 'utf8');
  const calls = /\b(?:describe|it)(?:\.each)?(?:\([^()]*\))?\(\s*(['"`])(.*?)\1/gs;
  return [...text.matchAll(calls)].map(([, , title]) => title ?? '');
}
