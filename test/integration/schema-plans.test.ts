import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { abandonSchemaChange } from '../../src/activities/abandon-schema-change.ts';
import { redeemApprovalToken } from '../../src/activities/approval-activities.ts';
import type { SchemaDefinition } from '../../src/contract/kinds.ts';
import { isReady } from '../../src/resources/status.ts';
import { runVelocity, temporaryFolder } from '../unit/cli/run-velocity.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import type { Caller } from './records/call.ts';
import { callerOf } from './records/call.ts';

let api: TestApi;
let url: string;
let admin: Caller;
let subject: string;

const before = [
  { name: 'title', type: 'string', required: true },
  { name: 'size', type: 'string', filterable: true },
];
const after = [
  { name: 'title', type: 'string', required: true, unique: true },
  { name: 'length', type: 'integer', filterable: true, renamedFrom: 'size' },
  { name: 'due', type: 'date' },
];

beforeAll(async () => {
  api = await openTestApi();
  await api.provide(api.tenant.schema('item', { fields: before }));
  await api.app.listen({ port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${(api.app.server.address() as AddressInfo).port}`;
  admin = callerOf(api, await api.keyFor('dora', ['sales-admin']));
  subject = `/api/platform/schema-plans/${api.tenant.namespace}/item`;
});

afterAll(() => api?.close());

const objects = '/api/platform/objects';
const refOf = (name: string) =>
  ({ kind: 'SchemaDefinition', namespace: api.tenant.namespace, name }) as const;
const dryRun = async (fields: object[]) => {
  const answer = await admin('POST', `${objects}?dryRun=true`, {
    body: { items: [api.tenant.schema('item', { fields })] },
  });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json().data[0];
};

async function diff(fields: object[], ...options: string[]) {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'item.json'), JSON.stringify(api.tenant.schema('item', { fields })));
  return runVelocity(
    ['schema', 'diff', 'item.json', '--url', url, '--api-key', api.adminKey, ...options],
    { folder },
  );
}

describe('a plan before anyone applies it', () => {
  it('is answered by a dry run, always the same, and nothing is kept', async () => {
    const { plan } = await dryRun(after);
    expect(plan).toMatchObject({ class: 'breaking', needsApproval: true });
    expect(plan.changes.map(({ kind }: { kind: string }) => kind)).toEqual([
      'addUnique',
      'renameField',
      'changeType',
      'addField',
    ]);
    const building = plan.steps.find(({ mode }: { mode: string }) => mode === 'build');
    expect(building).toMatchObject({ lock: 'SHARE UPDATE EXCLUSIVE', scans: true, blocks: false });
    expect((await dryRun(after)).plan.hash).toBe(plan.hash);
    const { generation } = (await dryRun(before)).resource.metadata;
    expect(generation).toBe(1);
  });

  it('is printed for a person, and as JSON', async () => {
    const shown = await diff(after);
    expect(shown.exitCode).toBe(0);
    expect(shown.stdout).toContain('breaking rename size to length');
    expect(shown.stdout).toContain('fill in existing records (ROW EXCLUSIVE, scans, rewrites');
    expect(shown.stdout).toContain('waits for approval of this plan');
    expect((await diff(after, '--sql')).stdout).toContain('create unique index concurrently');
    const [json] = JSON.parse((await diff(after, '-o', 'json')).stdout);
    expect(json.plan.hash).toMatch(/^[0-9a-f]{64}$/);
    expect((await diff(before)).stdout).toContain('nothing changes');
  });

  it('says what cannot be done online, and what leads there', async () => {
    const shown = await diff([
      { name: 'title', type: 'boolean' },
      { name: 'size', type: 'geopoint' },
    ]);
    expect(shown.exitCode).toBe(1);
    expect(shown.stdout).toContain('no value of the one is a value of the other');
    expect(shown.stdout).toContain('size_new say; write both');
  });
});

describe('POST /api/platform/schema-plans', () => {
  const plan = 'a'.repeat(64);

  it('is for who administers the domain', async () => {
    const writer = callerOf(api, await api.keyFor('wanda', ['writer']));
    const answer = await writer('POST', `${subject}/approve`, { body: { plan } });
    expect(answer.json()).toMatchObject({ status: 403, code: 'RBAC_DENIED' });
    const elsewhere = await admin('POST', '/api/platform/schema-plans/x-y-z/item/approve', {
      body: { plan },
    });
    expect(elsewhere.statusCode).toBe(404);
    const missing = subject.replace(/item$/, 'none');
    expect((await admin('POST', `${missing}/reject`, { body: { plan } })).statusCode).toBe(404);
  });

  it('names everything that is wrong with a decision', async () => {
    const answer = await admin('POST', `${subject}/approve`, { body: { plan: 'x', force: true } });
    expect(answer.json()).toMatchObject({ status: 400, code: 'VALIDATION_ERROR' });
    const pointers = answer
      .json()
      .details.problems.map(({ pointer }: { pointer: string }) => pointer);
    expect(pointers).toEqual(['/force', '/plan']);
  });

  it('needs the workflow that waits', async () => {
    const answer = await admin('POST', `${subject}/approve`, { body: { plan } });
    expect(answer.json()).toMatchObject({ status: 503, code: 'TEMPORAL_UNAVAILABLE' });
  });

  it('mints tokens, of which only the hash is kept', async () => {
    const answer = await admin('POST', `${subject}/approval-tokens`, { body: { plan } });
    expect(answer.statusCode).toBe(201);
    const { token } = answer.json().data;
    const { rows } = await api.operator.query({
      text: `select actor, plan_hash, token_hash = sha256(convert_to($1, 'UTF8')) as same from platform.approval_tokens`,
      values: [token],
    });
    expect(rows).toEqual([{ actor: 'dora', plan_hash: plan, same: true }]);
  });

  it('answers a used token to whoever used it, with its reason, and to nobody else', async () => {
    const body = { plan, reason: 'as agreed' };
    const { token } = (await admin('POST', `${subject}/approval-tokens`, { body })).json().data;
    const redeem = (key: string) =>
      redeemApprovalToken(api.activities, { ref: refOf('item'), token }, { key });
    const attempts = await Promise.all(['one', 'two', 'one', 'two'].map(redeem));
    const [first, second] = attempts;
    expect([first, second].filter((attempt) => attempt !== undefined)).toEqual([
      { planHash: plan, actor: 'dora', approved: true, reason: 'as agreed' },
    ]);
    expect(attempts.slice(2)).toEqual([first, second]);
    expect(await redeem('three')).toBeUndefined();
  });
});

describe('a change that is cancelled', () => {
  it('once its revision is served stays, and the status says so', async () => {
    const ref = refOf('late');
    const find = async () => (await api.deps.resources.find(ref)) as SchemaDefinition;
    await api.provide(api.tenant.schema('late', { fields: before }));
    const unaware = (await find()).status ?? {};
    await api.provide(api.tenant.schema('late', { fields: [...before, after[2] ?? {}] }));
    const planHash = (await find()).status?.plan?.hash ?? '';
    // As it is between the commit and the status that follows it.
    await api.activities.store.patchStatus(ref, { ...unaware });
    expect(isReady(await find())).toBe(false);
    const why = { reason: 'MigrationCancelled', message: 'the change was cancelled' } as const;
    const outcome = await abandonSchemaChange(api.activities, { ref, planHash, ...why });
    expect(outcome.phase).toBe('Ready');
    const found = await find();
    expect(isReady(found)).toBe(true);
    expect(found.status).toMatchObject({ activeRevision: 2 });
    const { rows } = await api.operator.query({
      text: `select state from platform.schema_plans where plan_hash = $1`,
      values: [planHash],
    });
    expect(rows).toEqual([{ state: 'applied' }]);
  });
});
