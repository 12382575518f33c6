import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Kind, Resource, SchemaDefinition } from '../../src/contract/kinds.ts';
import {
  decidePlanSignal,
  reconcileWorkflowId,
  specChangedSignal,
} from '../../src/contract/names.ts';
import { createWorkflowAccess } from '../../src/process/workflow-access.ts';
import { findCondition, isReady } from '../../src/resources/status.ts';
import type { ResourceKey } from '../../src/resources/store.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { decideByToken } from '../support/decide-plan.ts';
import type { TestTenant } from '../support/manifests.ts';
import { manifest, testTenant } from '../support/manifests.ts';
import { uniqueName } from '../support/postgres.ts';

let plane: ControlPlane;
let tenant: TestTenant;
let pgNamespace: string;
let access: ReturnType<typeof createWorkflowAccess>;
/** A busy machine needs more than the usual half minute. */
const withinMs = 90_000;

beforeAll(async () => {
  plane = await startControlPlane();
  await Promise.all([plane.startWorker(), plane.startOperator()]);
  tenant = testTenant(uniqueName('acme'));
  pgNamespace = tenant.namespace.replaceAll('-', '_');
  await plane.store.apply(tenant.base);
  await until('Domain', 'sales', ready);
  access = createWorkflowAccess({
    temporalAddress: plane.temporalAddress(),
    temporalNamespace: 'default',
  });
});

afterAll(async () => {
  await access?.close();
  await plane?.stop();
});

function keyOf(kind: Kind, name: string): ResourceKey {
  return { kind, namespace: tenant.namespace, name };
}

function until(kind: Kind, name: string, wanted: (found: Resource | undefined) => boolean) {
  return plane.until(keyOf(kind, name), wanted, withinMs) as Promise<SchemaDefinition>;
}

const ready = (found: Resource | undefined): boolean => found !== undefined && isReady(found);

/** Waits for a plan, of this generation, and not one that was seen already. */
const waits = (generation: number) => (found: Resource | undefined) =>
  found?.status?.phase === 'AwaitingApproval' && found.status.observedGeneration === generation;

const amount = (type: string, more = {}) => ({ fields: [{ name: 'amount', type, ...more }] });

function apply(name: string, over: Parameters<TestTenant['schema']>[1], actor = 'ada') {
  return plane.store.apply([tenant.schema(name, over)], { actor });
}

function decide(name: string, planHash: string | undefined, actor = 'eve', approved = true) {
  const attempt = { planHash: planHash ?? '', actor, approved };
  const ref = keyOf('SchemaDefinition', name);
  return decideByToken(plane.pool, access.decidePlan, { ref, ...attempt });
}

async function rows(text: string, values: unknown[] = []): Promise<unknown[][]> {
  const result = await plane.pool.query({ text, values });
  return result.rows.map((row) => Object.values(row));
}

async function serve(name: string, values: readonly string[]): Promise<void> {
  await apply(name, amount('string'));
  await until('SchemaDefinition', name, ready);
  if (values.length === 0) return;
  await rows(`insert into ${tableOf(name)} (amount) select unnest($1::text[])`, [values]);
}

function tableOf(name: string): string {
  return `${pgNamespace}.${name.replaceAll('-', '_')}_v1`;
}

/** What a change prepares beside a table, if it is still there. */
async function leftovers(name: string): Promise<unknown[][]> {
  return rows(
    `select attname from pg_attribute where attrelid = $1::regclass and attname like '\\_next%' and not attisdropped
     union all select tgname from pg_trigger where tgrelid = $1::regclass and tgname = 'velocity_migrate'
     union all select conname from pg_constraint where conrelid = $1::regclass and conname like '\\_next%'`,
    [tableOf(name)],
  );
}

describe('a breaking plan', () => {
  it('waits for approval of its hash, once', async () => {
    await serve('once', ['1', '2']);
    await apply('once', amount('integer'));
    const waiting = await until('SchemaDefinition', 'once', waits(2));
    const { hash, needsApproval, steps } = waiting.status?.plan ?? {};
    expect([needsApproval, waiting.status?.activeRevision]).toEqual([true, 1]);
    expect(steps?.map(({ summary }) => summary)).toContain('fill in existing records');
    await expect(decide('once', 'f'.repeat(64))).rejects.toMatchObject({
      code: 'APPROVAL_CONFLICT',
    });
    expect(await rows(`select amount from ${tableOf('once')} order by amount`)).toEqual([
      ['1'],
      ['2'],
    ]);
    const race = await Promise.allSettled([decide('once', hash), decide('once', hash, 'mallory')]);
    expect(race.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await until('SchemaDefinition', 'once', ready);
    expect(await rows(`select amount from ${tableOf('once')} order by amount`)).toEqual([[1], [2]]);
    await expect(decide('once', hash)).rejects.toMatchObject({ code: 'APPROVAL_CONFLICT' });
    expect(
      await rows(`select state, requested_by from platform.schema_plans where plan_hash = $1`, [
        hash,
      ]),
    ).toEqual([['applied', 'ada']]);
  });

  it('that is rejected leaves the old revision, until the spec changes', async () => {
    await serve('rejected', ['x']);
    await apply('rejected', { fields: [{ name: 'other', type: 'string' }] });
    const waiting = await until('SchemaDefinition', 'rejected', waits(2));
    await decide('rejected', waiting.status?.plan?.hash, 'eve', false);
    const rejected = await until(
      'SchemaDefinition',
      'rejected',
      (found) => found?.status?.phase === 'Failed',
    );
    expect(findCondition(rejected, 'Ready')).toMatchObject({ reason: 'PlanRejected' });
    expect(rejected.status?.activeRevision).toBe(1);
    await apply('rejected', amount('string'));
    await until('SchemaDefinition', 'rejected', ready);
    expect(await rows(`select amount from ${tableOf('rejected')}`)).toEqual([['x']]);
  });

  it('gives way to a newer spec', async () => {
    await serve('newer', ['1']);
    await apply('newer', amount('integer'));
    const first = await until('SchemaDefinition', 'newer', waits(2));
    await apply('newer', amount('decimal'));
    const second = await until('SchemaDefinition', 'newer', waits(3));
    expect(second.status?.plan?.hash).not.toBe(first.status?.plan?.hash);
    await expect(decide('newer', first.status?.plan?.hash)).rejects.toMatchObject({
      code: 'APPROVAL_CONFLICT',
    });
    await decide('newer', second.status?.plan?.hash);
    await until('SchemaDefinition', 'newer', ready);
    expect(
      await rows(
        `select state from platform.schema_plans where name = 'newer' and plan_hash = any ($1) order by 1`,
        [[first.status?.plan?.hash, second.status?.plan?.hash]],
      ),
    ).toEqual([['applied'], ['superseded']]);
  });

  it('still waits, however often its workflow was told to look again', async () => {
    await serve('patient', ['1']);
    await apply('patient', amount('integer'));
    const waiting = await until('SchemaDefinition', 'patient', waits(2));
    const id = reconcileWorkflowId(keyOf('SchemaDefinition', 'patient'));
    const { runId } = await plane.temporal.workflow.getHandle(id).describe();
    const first = plane.temporal.workflow.getHandle(id, runId);
    // Several at once count as one: told until this run is over.
    const ended = async () => {
      await first.signal(specChangedSignal).catch(() => undefined);
      return (await first.describe()).status.name;
    };
    await expect.poll(ended, { timeout: 50_000 }).not.toBe('RUNNING');
    expect(await ended()).toBe('CONTINUED_AS_NEW');
    await decide('patient', waiting.status?.plan?.hash);
    await until('SchemaDefinition', 'patient', ready);
  });

  it('is not planned again while nothing has changed, and is when its domain has', async () => {
    await serve('undisturbed', ['1']);
    await apply('undisturbed', amount('integer'));
    await until('SchemaDefinition', 'undisturbed', waits(2));
    const id = reconcileWorkflowId(keyOf('SchemaDefinition', 'undisturbed'));
    const signals = async (): Promise<number> => {
      const { events } = await plane.temporal.workflow.getHandle(id).fetchHistory();
      const told = (events ?? []).filter((event) => event.workflowExecutionSignaledEventAttributes);
      return told.length;
    };
    const before = await signals();
    // The operator looks after what is under way within 5 s.
    await sleep(6_000);
    expect(await signals()).toBe(before);
    const domain = tenant.base.find(
      (resource) => (resource as Resource).kind === 'Domain',
    ) as Resource;
    const spec = { ...(domain.spec as object), displayName: 'Sales and returns' };
    await plane.store.apply([{ ...domain, spec } as Resource]);
    await expect.poll(signals, { timeout: withinMs }).toBeGreaterThan(before);
    await until('SchemaDefinition', 'undisturbed', waits(2));
  });

  it('is approved by a signal with a token that was minted for it', async () => {
    await serve('signalled', ['1']);
    await apply('signalled', amount('integer'));
    const waiting = await until('SchemaDefinition', 'signalled', waits(2));
    const hash = waiting.status?.plan?.hash;
    const mint = (token: string, plan: string, expires: string) =>
      rows(
        `insert into platform.approval_tokens values ($1, $2, 'signalled', $3, 'eve', clock_timestamp() + $4::interval)`,
        [createHash('sha256').update(token).digest(), tenant.namespace, plan, expires],
      );
    await mint('late', hash ?? '', '-1 second');
    await mint('other', 'f'.repeat(64), '1 hour');
    await mint('right', hash ?? '', '1 hour');
    const handle = plane.temporal.workflow.getHandle(
      reconcileWorkflowId(keyOf('SchemaDefinition', 'signalled')),
    );
    for (const token of ['guess', 'late', 'other']) await handle.signal(decidePlanSignal, token);
    await sleep(1_000);
    expect((await plane.store.find(keyOf('SchemaDefinition', 'signalled')))?.status?.phase).toBe(
      'AwaitingApproval',
    );
    await handle.signal(decidePlanSignal, 'right');
    await until('SchemaDefinition', 'signalled', ready);
    expect(
      await rows(`select decided_by, decided_how from platform.schema_plans where plan_hash = $1`, [
        hash,
      ]),
    ).toEqual([['eve', 'signal']]);
  });

  it('is approved by the annotation that names it', async () => {
    await serve('annotated', ['1']);
    await apply('annotated', amount('integer'));
    const waiting = await until('SchemaDefinition', 'annotated', waits(2));
    const annotations = { 'velocity.sh/approve-breaking': waiting.status?.plan?.hash ?? '' };
    await apply('annotated', { ...amount('integer'), annotations });
    await until('SchemaDefinition', 'annotated', ready);
  });

  it('over data that does not fit changes nothing, and says which', async () => {
    await serve('unfit', ['1', 'two', 'three']);
    await apply('unfit', amount('integer'));
    const waiting = await until('SchemaDefinition', 'unfit', waits(2));
    await decide('unfit', waiting.status?.plan?.hash);
    const failed = await until(
      'SchemaDefinition',
      'unfit',
      (found) => found !== undefined && findCondition(found, 'Migrated')?.status === 'False',
    );
    expect(findCondition(failed, 'Migrated')).toMatchObject({
      reason: 'DataDoesNotFit',
      message: expect.stringContaining('2 records with a value of amount that is no integer'),
    });
    expect(failed.status?.activeRevision).toBe(1);
    expect(await leftovers('unfit')).toEqual([]);
    expect(await rows(`select count(*) from ${tableOf('unfit')} where amount is not null`)).toEqual(
      [[3]],
    );
  });

  it('wants another person where the domain asks for four eyes', async () => {
    const other = testTenant(uniqueName('eyes'));
    const domain = manifest('Domain', 'sales', other.namespace, {
      ...(other.base[2] as { spec: object }).spec,
      approvals: { plans: true },
    });
    await plane.store.apply([other.base[0], other.base[1], domain, other.base[3]]);
    const key = { kind: 'SchemaDefinition', namespace: other.namespace, name: 'watched' } as const;
    await plane.store.apply([other.schema('watched', amount('string'))], { actor: 'ada' });
    await plane.until(key, ready, withinMs);
    await plane.store.apply([other.schema('watched', amount('integer'))], { actor: 'ada' });
    const waiting = (await plane.until(key, waits(2), withinMs)) as SchemaDefinition;
    const planHash = waiting.status?.plan?.hash ?? '';
    const attempt = { planHash, approved: true };
    await expect(
      decideByToken(plane.pool, access.decidePlan, { ref: key, ...attempt, actor: 'ada' }),
    ).rejects.toMatchObject({
      code: 'SELF_APPROVAL_DENIED',
    });
    await decideByToken(plane.pool, access.decidePlan, { ref: key, ...attempt, actor: 'eve' });
    await plane.until(key, ready, withinMs);
  });
});

describe('a change under way', () => {
  it('that is cancelled is compensated, and the old schema works (guarantee 24)', async () => {
    await serve('cancelled', ['1', '2', '3']);
    const blocker = new pg.Client(plane.superuserUrl);
    await blocker.connect();
    try {
      await blocker.query(`begin; select from ${tableOf('cancelled')} for update`);
      await apply('cancelled', amount('string', { required: true, default: '0' }));
      const waiting = await until('SchemaDefinition', 'cancelled', waits(2));
      await rows(`insert into ${tableOf('cancelled')} (amount) values (null)`);
      await blocker.query(`select from ${tableOf('cancelled')} for update`);
      await decide('cancelled', waiting.status?.plan?.hash);
      await expect.poll(() => leftovers('cancelled'), { timeout: 30_000 }).not.toEqual([]);
      const id = reconcileWorkflowId(keyOf('SchemaDefinition', 'cancelled'));
      await plane.temporal.workflow.getHandle(id).cancel();
      const stopped = async () =>
        (await plane.temporal.workflow.getHandle(id).describe()).status.name;
      await sleep(1_500);
      await blocker.query('rollback');
      await expect.poll(stopped, { timeout: 30_000 }).toBe('CANCELLED');
    } finally {
      await blocker.end();
    }
    expect(await leftovers('cancelled')).toEqual([]);
    const found = await plane.store.find(keyOf('SchemaDefinition', 'cancelled'));
    expect(found?.status).toMatchObject({ phase: 'Failed', activeRevision: 1 });
    expect(found && findCondition(found, 'Ready')?.reason).toBe('MigrationCancelled');
    await rows(`insert into ${tableOf('cancelled')} (amount) values (null)`);
  });
});
