import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from '../../support/manifests.ts';
import type { TestApi } from '../api/test-api.ts';
import type { Caller } from './call.ts';
import { callerOf } from './call.ts';
import type { Loans } from './loans.ts';
import { expectDenied, messages, openLoans, roles } from './loans.ts';
import { connect } from './trail.ts';

/** Layer 2 and the validations beside it on every way to write a record. */

let api: TestApi;
let admin: Caller;
let nora: Caller;
let boss: Caller;
let robot: Caller;
let lend: Loans['lend'];
let operator: pg.Client;
let path: string;

beforeAll(async () => {
  ({ api, admin, nora, boss, robot, lend, path } = await openLoans());
  operator = await connect(api.database.superuserUrl);
});

afterAll(async () => {
  await operator?.end();
  await api?.close();
});

describe('a policy on create', () => {
  it('sees the record that would be, its defaults and who makes it', async () => {
    const answer = await nora('POST', path, {
      body: { code: 'big', region: 'north', amount: 101 },
    });
    expectDenied(answer, 'small', messages.small);
    await lend(boss, { amount: 101 });
    expect((await lend(nora, { amount: 100 })).code).toMatch(/^L-/);
  });

  it('holds for PUT of a new id, for upsert and for each row of a bulk', async () => {
    const id = '01990000-0000-7000-8000-00000000abcd';
    const body = { code: 'put', region: 'north', amount: 500 };
    expectDenied(await nora('PUT', `${path}/${id}`, { body }), 'small', messages.small);
    const upsert = await nora('POST', `${path}?onConflict=code`, { body: { ...body, code: 'up' } });
    expectDenied(upsert, 'small', messages.small);

    const rows = [10, 500].map((amount) => ({
      op: 'create',
      record: { code: `bulk-${amount}`, region: 'north', amount },
    }));
    const whole = await nora('POST', `${path}/bulk`, { body: rows });
    expectDenied(whole, 'small', messages.small);
    expect(whole.json().details.index).toBe(1);
    const each = await nora('POST', `${path}/bulk?atomic=false`, { body: rows });
    expect(each.json().data).toMatchObject([
      { status: 201 },
      { status: 403, error: { code: 'POLICY_DENIED', detail: messages.small } },
    ]);
  });

  it('is put into the audit as a denial of layer abac, a row of a bulk too', async () => {
    await nora('POST', path, { body: { code: 'no', region: 'north', amount: 999 } });
    await nora('POST', `${path}/bulk?atomic=false`, {
      body: [{ op: 'create', record: { code: 'no', region: 'north', amount: 999 } }],
    });
    const { rows } = await operator.query(
      `select layer, payload ->> 'policy' as policy, payload ->> 'request' as request
         from platform.audit_log where outcome = 'denied' and actor = 'nora' limit 100`,
    );
    expect(rows).toContainEqual({ layer: 'abac', policy: 'small', request: `POST ${path}` });
    expect(rows).toContainEqual({ layer: 'abac', policy: 'small', request: `POST ${path}/bulk` });
  });
});

describe('a policy on update', () => {
  it('sees the record before and after', async () => {
    const { id } = await lend(nora, { amount: 10 });
    const patched = await nora('PATCH', `${path}/${id}`, { body: { version: 1, amount: 21 } });
    expectDenied(patched, 'doubled', messages.doubled);
    const fits = await nora('PATCH', `${path}/${id}`, { body: { version: 1, amount: 20 } });
    expect(fits.statusCode, fits.body).toBe(200);
    const closed = await nora('PATCH', `${path}/${id}`, { body: { version: 2, status: 'closed' } });
    expect(closed.statusCode, closed.body).toBe(200);
    const reopened = await nora('PATCH', `${path}/${id}`, { body: { version: 3, status: 'open' } });
    expectDenied(reopened, 'open', messages.open);
  });

  it('holds for JSON Patch, PUT, upsert and bulk alike', async () => {
    const { id, code } = await lend(nora, { amount: 10 });
    const jsonPatch = await nora('PATCH', `${path}/${id}`, {
      headers: { 'content-type': 'application/json-patch+json', 'if-match': '"1"' },
      body: [{ op: 'replace', path: '/amount', value: 99 }],
    });
    expectDenied(jsonPatch, 'doubled', messages.doubled);
    const whole = { code, region: 'north', status: 'open', amount: 99 };
    const put = await nora('PUT', `${path}/${id}`, { body: { ...whole, version: 1 } });
    expectDenied(put, 'doubled', messages.doubled);
    const upsert = await nora('POST', `${path}?onConflict=code`, { body: whole });
    expectDenied(upsert, 'doubled', messages.doubled);
    const rows = [{ op: 'update', id, record: { amount: 99 } }];
    expectDenied(await nora('POST', `${path}/bulk`, { body: rows }), 'doubled', messages.doubled);
    const each = await nora('POST', `${path}/bulk?atomic=false`, { body: rows });
    expect(each.json().data).toMatchObject([{ status: 403, error: { code: 'POLICY_DENIED' } }]);
    const after = await admin('GET', `${path}/${id}`);
    expect(after.json().data).toMatchObject({ version: 1, amount: 10 });
  });

  it('with fields is asked by requests that use them, and by no others', async () => {
    const { id, code } = await lend(nora);
    const noted = await nora('PATCH', `${path}/${id}`, { body: { version: 1, notes: 'mine' } });
    expectDenied(noted, 'noted', messages.noted);
    // A replacement uses what it changes: notes that stay away are not touched.
    const put = await nora('PUT', `${path}/${id}`, {
      body: { code, region: 'north', amount: 11, version: 1 },
    });
    expect(put.statusCode, put.body).toBe(200);
    const byBoss = await boss('PATCH', `${path}/${id}`, { body: { version: 2, notes: 'ours' } });
    expect(byBoss.statusCode, byBoss.body).toBe(200);
    // Leaving them out of a replacement takes them away, and that is a use.
    const emptied = await nora('PUT', `${path}/${id}`, {
      body: { code, region: 'north', amount: 11, version: 3 },
    });
    expectDenied(emptied, 'noted', messages.noted);
  });

  it('lets an upsert change what its caller may not create', async () => {
    const { code } = await lend(boss, { amount: 150 });
    const answer = await nora('POST', `${path}?onConflict=code`, {
      body: { code, region: 'north', amount: 200 },
    });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(answer.json().data.amount).toBe(200);
  });
});

describe('a policy on delete', () => {
  it('sees the record, with and without a version, and in bulk', async () => {
    const { id } = await lend(boss);
    expectDenied(await nora('DELETE', `${path}/${id}`), 'own', messages.own);
    const stated = await nora('DELETE', `${path}/${id}`, { headers: { 'if-match': '"1"' } });
    expectDenied(stated, 'own', messages.own);
    const bulk = await nora('POST', `${path}/bulk`, { body: [{ op: 'delete', id }] });
    expectDenied(bulk, 'own', messages.own);
    expect((await boss('DELETE', `${path}/${id}`)).statusCode).toBe(204);
    expect((await boss('DELETE', `${path}/${id}`)).statusCode).toBe(404);
  });

  it('answers a repeated delete as the first one, though the record is gone', async () => {
    const { id } = await lend(nora);
    const headers = { 'idempotency-key': `end-${id}` };
    expect((await nora('DELETE', `${path}/${id}`, { headers })).statusCode).toBe(204);
    const again = await nora('DELETE', `${path}/${id}`, { headers });
    expect(again.statusCode).toBe(204);
    expect(again.headers['idempotency-replayed']).toBe('true');
  });
});

describe('a validation over what was there and who writes', () => {
  it('is answered with the others, on whatever way', async () => {
    const validations = [
      {
        type: 'cel',
        rule: 'self.amount >= old.amount || "boss" in actor.roles',
        message: 'never less',
      },
      { type: 'cel', rule: 'actor.type == "user"', message: 'by hand' },
      { type: 'cel', rule: '!has(self.tags) || self.tags.all(t, t.size() < 4)', message: 'short' },
    ];
    await api.provide(
      api.tenant.schema('meter', {
        fields: [
          { name: 'amount', type: 'integer', required: true, min: 0 },
          { name: 'tags', type: 'string[]' },
        ],
        spec: { access: { roles }, validations },
      }),
    );
    const meters = api.path('meter');
    const bound = manifest('RoleBinding', 'mia', api.tenant.namespace, {
      actorId: 'mia',
      roles: ['clerk'],
    });
    await api.provide(bound);
    const mia = callerOf(api, await api.keyFor('mia', []));
    const problemsOf = (answer: Awaited<ReturnType<Caller>>) =>
      (answer.json().details?.problems ?? []).map((one: { message: string }) => one.message);
    expect(problemsOf(await robot('POST', meters, { body: { amount: 1 } }))).toEqual(['by hand']);
    const created = await mia('POST', meters, { body: { amount: 5, tags: ['abc'] } });
    expect(created.statusCode, created.body).toBe(201);
    const { id } = created.json().data;
    const less = { version: 1, amount: 4, tags: ['abcd'] };
    expect(problemsOf(await mia('PATCH', `${meters}/${id}`, { body: less }))).toEqual([
      'never less',
      'short',
    ]);
    expect(problemsOf(await mia('PUT', `${meters}/${id}`, { body: less }))).toEqual([
      'never less',
      'short',
    ]);
    const bulk = await mia('POST', `${meters}/bulk?atomic=false`, {
      body: [{ op: 'update', id, record: { amount: 4 } }],
    });
    expect(bulk.json().data[0]).toMatchObject({ status: 400 });
    const byBoss = await boss('PATCH', `${meters}/${id}`, { body: { version: 1, amount: 4 } });
    expect(byBoss.statusCode, byBoss.body).toBe(200);
  });
});

describe('an evaluation that takes too long', () => {
  it('is stopped and denies, while small input passes', async () => {
    const slow = {
      name: 'slow',
      action: 'create',
      condition: 'self.words.all(w, self.words.exists_one(v, v == w) || w != "")',
    };
    const nested = await api.deps.resources
      .apply([
        api.tenant.schema('loop', {
          fields: [{ name: 'words', type: 'string[]', required: true }],
          spec: { access: { roles, policies: [slow] } },
        }),
      ])
      .then(
        () => 'stored',
        (error: Error) => JSON.stringify(error),
      );
    expect(nested).toContain('steps');

    await api.provide(
      api.tenant.schema('text', {
        fields: [{ name: 'body', type: 'string', required: true }],
        spec: {
          access: {
            roles,
            policies: [
              {
                name: 'form',
                action: 'create',
                condition: Array(40).fill('size(self.body) > 0').join(' && '),
              },
            ],
          },
        },
      }),
    );
    const texts = api.path('text');
    const small = await boss('POST', texts, { body: { body: 'abcd' } });
    expect(small.statusCode, small.body).toBe(201);
    const before = performance.now();
    const large = await boss('POST', texts, { body: { body: 'abcd'.repeat(200_000) } });
    expectDenied(large, 'form', 'Policy "form" does not allow this.');
    expect(performance.now() - before).toBeLessThan(2_000);
  });
});
