import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBootstrapKey } from '../../src/auth/bootstrap-key.ts';
import type { Domain, Kind, Resource, SchemaDefinition } from '../../src/contract/kinds.ts';
import {
  decidePlanSignal,
  decidePlanUpdate,
  reconcileWorkflowId,
} from '../../src/contract/names.ts';
import { requestReconcile } from '../../src/resources/drift/repair-requests.ts';
import { isReady } from '../../src/resources/status.ts';
import type { ResourceKey } from '../../src/resources/store.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { manifest, testTenant } from '../support/manifests.ts';
import { uniqueName } from '../support/postgres.ts';
import type { ApiProcess } from './api/api-process.ts';
import { spawnApi } from './api/api-process.ts';

/** From a person's request over the API, by Temporal's Update or Signal, to the table. */

let plane: ControlPlane;
let api: ApiProcess;
const keys: Record<string, string> = {};
const tenant = testTenant(uniqueName('acme'));
const { namespace } = tenant;
const withinMs = 60_000;

beforeAll(async () => {
  plane = await startControlPlane();
  await Promise.all([plane.startWorker(), plane.startOperator()]);
  keys['root'] = await ensureBootstrapKey(plane.superuserUrl, { env: 'test' });
  api = await spawnApi({
    VELOCITY_DATABASE_URL: plane.apiDatabaseUrl,
    VELOCITY_TEMPORAL_ADDRESS: plane.temporalAddress(),
  });
  const fourEyes = manifest('Domain', 'sales', namespace, {
    ...(tenant.base[2] as { spec: object }).spec,
    approvals: { plans: true },
  });
  const bindings = Object.entries({ ada: 'sales-admin', eve: 'sales-admin', ron: 'reader' }).map(
    ([actor, role]) => manifest('RoleBinding', actor, namespace, { actorId: actor, roles: [role] }),
  );
  await plane.store.apply([tenant.base[0], tenant.base[1], fourEyes, tenant.base[3], ...bindings]);
  for (const actor of ['ada', 'eve', 'ron']) {
    await plane.until(keyOf('RoleBinding', actor), ready, withinMs);
    const body = { name: actor, namespace, actor, actorType: 'user' };
    const made = await call('root', 'POST', '/api/platform/api-keys', body);
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    keys[actor] = made.body.data.key;
  }
});

afterAll(async () => {
  api?.kill('SIGKILL');
  await api?.exited;
  await plane?.stop();
});

const keyOf = (kind: Kind, name: string): ResourceKey => ({ kind, namespace, name });
const ready = (found: Resource | undefined): boolean => found !== undefined && isReady(found);
const until = (name: string, wanted: (found: Resource | undefined) => boolean) =>
  plane.until(keyOf('SchemaDefinition', name), wanted, withinMs) as Promise<SchemaDefinition>;

/** What the routes of these tests answer. */
interface Answer {
  readonly code?: string;
  readonly data: {
    readonly key: string;
    readonly token: string;
    readonly approved: boolean;
    readonly metadata?: { readonly generation: number };
    readonly resource?: { readonly metadata: { readonly generation: number } };
  };
}

async function call(actor: string, method: string, path: string, body?: unknown) {
  const answer = await fetch(`${api.url}${path}`, {
    method,
    headers: { 'x-api-key': keys[actor] ?? '', 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Answer };
}

/** `ada` asks for a schema with one field of this type, over the API. */
async function ask(name: string, type: string): Promise<number> {
  const schema = tenant.schema(name, { fields: [{ name: 'amount', type }] });
  const path = `/api/platform/objects/SchemaDefinition/${namespace}/${name}`;
  const { status, body } = await call('ada', 'PUT', path, schema);
  expect(status, JSON.stringify(body)).toBeLessThan(300);
  const { metadata = body.data.resource?.metadata } = body.data;
  return metadata?.generation ?? 0;
}

/** A schema that is served and asked to be narrower; the hash of the plan that waits. */
async function narrow(name: string): Promise<string> {
  await ask(name, 'string');
  await until(name, ready);
  const text = `insert into ${namespace.replaceAll('-', '_')}.${name}_v1 (amount) values ('7')`;
  await plane.pool.query({ text });
  return waitingPlan(name, await ask(name, 'integer'));
}

async function waitingPlan(name: string, generation: number): Promise<string> {
  const found = await until(
    name,
    (one) =>
      one?.status?.phase === 'AwaitingApproval' && one.status.observedGeneration === generation,
  );
  return found.status?.plan?.hash ?? '';
}

const decide = (actor: string, name: string, plan: string, verb = 'approve') =>
  call(actor, 'POST', `/api/platform/schema-plans/${namespace}/${name}/${verb}`, { plan });

async function decisionOf(plan: string): Promise<unknown> {
  const { rows } = await plane.pool.query({
    text: `select state, requested_by, decided_by, decided_how from platform.schema_plans where plan_hash = $1`,
    values: [plan],
  });
  return rows;
}

describe('an approval over the API', () => {
  it('is another administrator’s, reaches the workflow, and is applied', async () => {
    const plan = await narrow('updated');
    expect(await decide('ron', 'updated', plan)).toMatchObject({ status: 403 });
    expect(await decide('ada', 'updated', plan)).toMatchObject({
      ...{ status: 403, body: { code: 'SELF_APPROVAL_DENIED' } },
    });
    expect(await decide('eve', 'updated', 'f'.repeat(64))).toMatchObject({
      ...{ status: 409, body: { code: 'APPROVAL_CONFLICT' } },
    });
    expect(await decide('eve', 'updated', plan)).toMatchObject({ status: 200 });
    const done = await until('updated', ready);
    expect(done.status).toMatchObject({ activeRevision: 2 });
    expect(await decisionOf(plan)).toEqual([
      { state: 'applied', requested_by: 'ada', decided_by: 'eve', decided_how: 'update' },
    ]);
    expect(await decide('eve', 'updated', plan)).toMatchObject({ status: 409 });
  });

  it('is accepted once when two race (guarantee 23)', async () => {
    await plane.store.apply([
      manifest('RoleBinding', 'mallory', namespace, { actorId: 'mallory', roles: ['sales-admin'] }),
    ]);
    const plan = await narrow('raced');
    const answers = await Promise.all([
      decide('eve', 'raced', plan),
      decide('eve', 'raced', plan, 'reject'),
      decide('root', 'raced', plan),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    const [won] = answers.filter(({ status }) => status === 200);
    const wanted = won?.body.data.approved ? 'applied' : 'rejected';
    await expect
      .poll(async () => ((await decisionOf(plan)) as { state: string }[])[0]?.state, {
        timeout: withinMs,
      })
      .toBe(wanted);
  });

  it('of a plan that a newer spec has superseded counts for nothing', async () => {
    const first = await narrow('superseded');
    const second = await waitingPlan('superseded', await ask('superseded', 'number'));
    expect(second).not.toBe(first);
    expect(await decide('eve', 'superseded', first)).toMatchObject({ status: 409 });
    expect(await decisionOf(first)).toMatchObject([{ state: 'superseded' }]);
    expect(await decide('eve', 'superseded', second)).toMatchObject({ status: 200 });
    await until('superseded', ready);
  });
});

describe('an approval from the side of Temporal', () => {
  it('is believed by nothing but a token of the API, used for what it was minted for', async () => {
    const plan = await narrow('claimed');
    const handle = plane.temporal.workflow.getHandle(
      reconcileWorkflowId(keyOf('SchemaDefinition', 'claimed')),
    );
    const minted = await decide('ada', 'claimed', plan, 'approval-tokens');
    const claims = [
      [{ planHash: plan, actor: 'nobody', approved: true }, 'APPROVAL_CONFLICT'],
      [{ plan, token: 'guessed', actor: 'nobody', approved: true }, 'APPROVAL_CONFLICT'],
      [{ plan, token: minted.body.data.token, actor: 'eve' }, 'SELF_APPROVAL_DENIED'],
    ] as const;
    for (const [claim, type] of claims) {
      await expect(handle.executeUpdate(decidePlanUpdate, { args: [claim] })).rejects.toMatchObject(
        { cause: { type } },
      );
    }
    expect(await decisionOf(plan)).toMatchObject([{ state: 'waiting', decided_by: null }]);
  });

  it('of a plan keeps the four eyes that it was asked under', async () => {
    const plan = await narrow('captured');
    const [domain] = await plane.store.list({ kind: 'Domain', namespace });
    const { metadata, spec } = domain as Domain;
    const weaker = { ...spec, approvals: { ...spec.approvals, plans: false } };
    await plane.store.apply([manifest('Domain', metadata.name, namespace, weaker)]);
    try {
      const path = `/api/platform/objects/SchemaDefinition/${namespace}/captured`;
      const schema = tenant.schema('captured', {
        fields: [{ name: 'amount', type: 'integer' }],
        annotations: { 'example.com/again': 'yes' },
      });
      expect((await call('ada', 'PUT', path, schema)).status).toBeLessThan(300);
      const key = keyOf('SchemaDefinition', 'captured');
      await requestReconcile(plane.pool, key, 'ada');
      await new Promise((done) => setTimeout(done, 1_000));
      expect(await decide('ada', 'captured', plan)).toMatchObject({
        ...{ status: 403, body: { code: 'SELF_APPROVAL_DENIED' } },
      });
      expect(await decide('eve', 'captured', plan)).toMatchObject({ status: 200 });
    } finally {
      await plane.store.apply([manifest('Domain', metadata.name, namespace, spec)]);
    }
  });

  it('counts as the actor’s whose token it carries', async () => {
    const plan = await narrow('signalled');
    const mint = async (actor: string): Promise<string> => {
      const made = await decide(actor, 'signalled', plan, 'approval-tokens');
      expect(made.status, JSON.stringify(made.body)).toBe(201);
      return made.body.data.token;
    };
    expect(await decide('ron', 'signalled', plan, 'approval-tokens')).toMatchObject({
      status: 403,
    });
    const handle = plane.temporal.workflow.getHandle(
      reconcileWorkflowId(keyOf('SchemaDefinition', 'signalled')),
    );
    const own = await mint('ada');
    await handle.signal(decidePlanSignal, own);
    const used = async () =>
      (
        await plane.pool.query({
          text: `select actor from platform.approval_tokens where name = 'signalled' and used_at is not null`,
        })
      ).rows;
    await expect.poll(used, { timeout: withinMs }).toEqual([{ actor: 'ada' }]);
    expect(await decisionOf(plan)).toMatchObject([{ state: 'waiting' }]);
    await handle.signal(decidePlanSignal, await mint('eve'));
    await until('signalled', ready);
    expect(await decisionOf(plan)).toEqual([
      { state: 'applied', requested_by: 'ada', decided_by: 'eve', decided_how: 'signal' },
    ]);
  });
});
