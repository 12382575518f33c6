import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest } from '../../support/manifests.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import { callerOf } from './call.ts';

/** Creating and changing are different rights, also within one request. */

let api: TestApi;
let admin: ReturnType<typeof callerOf>;
let clerk: ReturnType<typeof callerOf>;
let path: string;

beforeAll(async () => {
  api = await openTestApi();
  const regionOnly = { field: 'region', op: 'eq', value: '{{identity.attributes.region}}' };
  await api.provide(
    api.tenant.schema('asset', {
      fields: [
        { name: 'code', type: 'string', required: true, unique: true, filterable: true },
        { name: 'region', type: 'string' },
        { name: 'notes', type: 'json' },
      ],
      spec: {
        access: {
          roles: [
            { role: 'clerk', operations: ['create'] },
            { role: 'editor', operations: ['read', 'update'] },
          ],
          rowFilter: [{ role: 'editor', filter: regionOnly }],
        },
      },
    }),
    manifest('RoleBinding', 'kim-creates', api.tenant.namespace, {
      actorId: 'kim',
      roles: ['clerk'],
    }),
    manifest('RoleBinding', 'kim-edits', api.tenant.namespace, {
      actorId: 'kim',
      roles: ['editor'],
      scopes: [{ schema: 'asset', attributes: { region: 'emea' } }],
    }),
  );
  path = api.path('asset');
  admin = callerOf(api, api.adminKey);
  clerk = callerOf(api, await api.keyFor('kim', []));
});

afterAll(() => api?.close());

describe('upsert under rights that differ', () => {
  it('creates where the caller may create', async () => {
    const answer = await clerk('POST', `${path}?onConflict=code`, {
      body: { code: 'new', region: 'apac' },
    });
    expect(answer.statusCode, answer.body).toBe(201);
  });

  it('changes no record outside of the rows that the caller may update', async () => {
    const foreign = await admin('POST', path, { body: { code: 'far', region: 'apac' } });
    const { id } = foreign.json().data;
    const patched = await clerk('PATCH', `${path}/${id}`, { body: { version: 1, region: 'emea' } });
    expect(patched.statusCode).toBe(404);
    const upserted = await clerk('POST', `${path}?onConflict=code`, {
      body: { code: 'far', region: 'emea' },
    });
    expect(upserted.json()).toMatchObject({ status: 409, code: 'UNIQUE_CONSTRAINT_VIOLATION' });
    const after = await admin('GET', `${path}/${id}`);
    expect(after.json().data).toMatchObject({ region: 'apac', version: 1 });
  });

  it('changes a record within them', async () => {
    await admin('POST', path, { body: { code: 'near', region: 'emea' } });
    const answer = await clerk('POST', `${path}?onConflict=code`, {
      body: { code: 'near', notes: { seen: true } },
    });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(answer.json().data).toMatchObject({ region: 'emea', version: 2, notes: { seen: true } });
  });

  it('keeps one record when sixteen upserts of one value race', async () => {
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, n) =>
        admin('POST', `${path}?onConflict=code`, { body: { code: 'raced', notes: { n } } }),
      ),
    );
    const statuses = answers.map((answer) => answer.statusCode);
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(statuses.every((status) => [200, 201, 409].includes(status))).toBe(true);
    const page = await admin('GET', `${path}?filter[code]=raced`);
    const written = statuses.filter((status) => status < 300).length;
    expect(page.json().data).toMatchObject([{ version: written }]);
  });
});

describe('JSON Patch', () => {
  it('stops a value that doubles itself', async () => {
    const made = await admin('POST', path, { body: { code: 'bomb', notes: { a: 1 } } });
    const copies = Array.from({ length: 40 }, (_, n) => ({
      op: 'copy',
      from: '/notes',
      path: `/notes/s${n}`,
    }));
    const answer = await admin('PATCH', `${path}/${made.json().data.id}`, {
      headers: { 'content-type': 'application/json-patch+json', 'if-match': '"1"' },
      body: copies,
    });
    expect(answer.json()).toMatchObject({ status: 400, code: 'VALIDATION_ERROR' });
  });
});

describe('a schema of another organisation', () => {
  it('is answered like one that does not exist, word for word', async () => {
    const strip = (body: string) =>
      body
        .replaceAll(/[0-9a-f-]{36}/g, 'ID')
        .replaceAll('asset', 'X')
        .replaceAll('nothing', 'X');
    const outsider = callerOf(api, await api.keyFor('eve', [], { organisation: 'elsewhere' }));
    const known = await outsider('GET', path);
    const unknown = await outsider('GET', path.replace('asset', 'nothing'));
    expect(known.statusCode).toBe(404);
    expect(strip(known.body)).toBe(strip(unknown.body));
  });
});
