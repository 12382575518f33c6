import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { Kind, Resource } from '../../src/contract/kinds.ts';
import { findCondition, isReady } from '../../src/resources/status.ts';
import type { ResourceKey } from '../../src/resources/store.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { startControlPlane } from '../support/control-plane.ts';
import type { TestTenant } from '../support/manifests.ts';
import { manifest, testTenant } from '../support/manifests.ts';
import { uniqueName } from '../support/postgres.ts';

let plane: ControlPlane;
let tenant: TestTenant;

beforeAll(async () => {
  plane = await startControlPlane();
  await Promise.all([plane.startWorker(), plane.startOperator()]);
  tenant = testTenant(uniqueName('acme'));
  await plane.store.apply(tenant.base);
  await plane.until(keyOf('Domain', 'sales'), ready);
});

afterAll(() => plane?.stop());

function keyOf(kind: Kind, name: string, namespace = tenant.namespace): ResourceKey {
  return { kind, namespace, name };
}

function ready(resource: Resource | undefined): boolean {
  return resource !== undefined && isReady(resource);
}

function gone(resource: Resource | undefined): boolean {
  return resource === undefined;
}

function hasReason(type: string, reason: string) {
  return (resource: Resource | undefined) =>
    resource !== undefined && findCondition(resource, type)?.reason === reason;
}

/** Rows of a query, as arrays: `[[1, 'a']]`. */
async function rows(text: string, values: unknown[] = []): Promise<unknown[][]> {
  const result = await plane.pool.query({ text, values });
  return result.rows.map((row) => Object.values(row));
}

async function activeRevisions(name: string): Promise<unknown[][]> {
  return rows(
    `select revision, generation from platform.schema_revisions
      where namespace = $1 and name = $2 and state = 'active'`,
    [tenant.namespace, name],
  );
}

async function tablesLike(name: string): Promise<unknown[][]> {
  return rows(
    `select tablename from pg_tables where schemaname = $1 and tablename like $2 order by 1`,
    [tenant.namespace.replaceAll('-', '_'), `${name}%`],
  );
}

describe('reconcile', () => {
  it('brings every sample to Ready, but for keys that wait to be issued', async () => {
    const samples = await readSamples();
    await plane.store.apply(samples);
    for (const { kind, metadata } of samples) {
      const key = keyOf(kind as Kind, metadata.name, metadata.namespace);
      await plane.until(key, kind === 'ApiKey' ? hasReason('Issued', 'NotIssued') : ready);
    }
  });

  it('makes a table with forced RLS, history and triggers, and one active revision', async () => {
    await plane.store.apply([tenant.schema('order')]);
    const schema = await plane.until(keyOf('SchemaDefinition', 'order'), ready);
    expect(schema?.status).toMatchObject({
      phase: 'Ready',
      observedGeneration: 1,
      activeRevision: 1,
      pgTable: `${tenant.namespace.replaceAll('-', '_')}.order_v1`,
      plan: { needsApproval: false },
    });
    expect(await activeRevisions('order')).toEqual([[1, 1]]);
    expect(await tablesLike('order_v1')).toContainEqual(['order_v1']);
    expect(
      await rows(
        `select relrowsecurity, relforcerowsecurity from pg_class where oid = $1::regclass`,
        [schema?.kind === 'SchemaDefinition' ? schema.status?.pgTable : ''],
      ),
    ).toEqual([[true, true]]);
  });

  it('serves a new schema well within a second', async () => {
    const times: number[] = [];
    for (const name of ['timed-a', 'timed-b', 'timed-c', 'timed-d', 'timed-e']) {
      const startedAt = performance.now();
      await plane.store.apply([tenant.schema(name)]);
      await plane.until(keyOf('SchemaDefinition', name), ready);
      times.push(performance.now() - startedAt);
    }
    // The machine may be busy with other tests; the best of five says what the path costs.
    console.info(`reconcile of a schema, ms: ${times.map(Math.round).join(' ')}`);
    expect(Math.min(...times)).toBeLessThan(1_000);
  });

  it('leaves a completed workflow behind that can be found by what it was about', async () => {
    await plane.store.apply([tenant.schema('found')]);
    await plane.until(keyOf('SchemaDefinition', 'found'), ready);
    const id = `reconcile/SchemaDefinition/${tenant.namespace}/found`;
    await expect(plane.temporal.workflow.getHandle(id).result()).resolves.toMatchObject({
      phase: 'Ready',
    });
    const query = `VelocityObject = 'found' AND VelocityOrg = '${tenant.organisation}'`;
    await expect
      .poll(() => listWorkflows(query), { timeout: 10_000 })
      .toMatchObject([{ workflowId: id, type: 'reconcileSchema' }]);
  });

  it('adds optional fields and indexes to a table that holds records', async () => {
    const title = { name: 'title', type: 'string', required: true };
    await plane.store.apply([tenant.schema('grown', { fields: [title] })]);
    const before = await plane.until(keyOf('SchemaDefinition', 'grown'), ready);
    const table = `${tenant.namespace.replaceAll('-', '_')}.grown_v1`;
    await plane.pool.query({ text: `insert into ${table} (title) values ('one')` });
    const fields = [
      { ...title, filterable: true },
      { name: 'due', type: 'date', filterable: true },
    ];
    await plane.store.apply([tenant.schema('grown', { fields })]);
    const after = await plane.until(keyOf('SchemaDefinition', 'grown'), ready);
    expect(after?.status).toMatchObject({ activeRevision: 2, observedGeneration: 2 });
    expect(after?.status).toHaveProperty('provisionedAt', provisionedAt(before));
    expect(await rows(`select title, due from ${table}`)).toEqual([['one', null]]);
    expect(await activeRevisions('grown')).toEqual([[2, 2]]);
    expect(
      await rows(
        `select count(*) from pg_indexes where tablename = 'grown_v1' and indexname like '%_idx'`,
      ),
    ).toEqual([[2]]);
  });

  it('refuses what no migration can do, says why, and goes on serving the old revision', async () => {
    const amount = (type: string) => ({ fields: [{ name: 'amount', type }] });
    await plane.store.apply([tenant.schema('narrow', amount('boolean'))]);
    await plane.until(keyOf('SchemaDefinition', 'narrow'), ready);
    await plane.store.apply([tenant.schema('narrow', amount('geopoint'))]);
    const key = keyOf('SchemaDefinition', 'narrow');
    const refused = await plane.until(key, hasReason('Ready', 'MigrationNotSupported'));
    expect(refused?.status).toMatchObject({ phase: 'Failed', activeRevision: 1 });
    expect(refused && findCondition(refused, 'Ready')?.message).toContain('Add another field');
    expect(await activeRevisions('narrow')).toEqual([[1, 1]]);

    await plane.store.apply([tenant.schema('narrow', amount('boolean'))]);
    const back = await plane.until(key, ready);
    expect(back?.status).toMatchObject({ phase: 'Ready', observedGeneration: 3 });
  });
});

describe('waiting', () => {
  it('holds a schema until its domain arrives', async () => {
    const other = testTenant(uniqueName('late'));
    const key = keyOf('SchemaDefinition', 'early', other.namespace);
    await plane.store.apply([other.schema('early')]);
    const pending = await plane.until(key, hasReason('Ready', 'ParentMissing'));
    expect(pending?.status?.phase).toBe('Pending');
    expect(pending && findCondition(pending, 'Ready')?.message).toContain(other.namespace);
    await plane.store.apply(other.base);
    await plane.until(key, ready);
  });

  it('holds a schema until what it refers to is served', async () => {
    const fields = [{ name: 'buyer', type: 'ref', ref: tenant.reference('customer') }];
    const customer = tenant.schema('customer');
    await plane.store.apply([tenant.schema('basket', { fields }), customer]);
    await plane.until(keyOf('SchemaDefinition', 'basket'), ready);
    expect(
      await rows(`select target_table, on_delete from platform.schema_references
                   where source_table = 'basket_v1'`),
    ).toEqual([['customer_v1', 'restrict']]);
  });

  it('says how to begin where schemas refer to each other in a circle', async () => {
    const refersTo = (object: string) => [
      { name: 'other', type: 'ref', ref: tenant.reference(object) },
    ];
    const chicken = tenant.schema('chicken', { fields: refersTo('egg') });
    const egg = tenant.schema('egg', { fields: refersTo('chicken') });
    const keys = [keyOf('SchemaDefinition', 'chicken'), keyOf('SchemaDefinition', 'egg')];
    await plane.store.apply([chicken, egg]);
    for (const key of keys) {
      const waits = await plane.until(key, hasReason('Ready', 'ReferenceCycle'));
      expect(waits?.status?.phase).toBe('Pending');
      expect(waits && findCondition(waits, 'Ready')?.message).toMatch(
        /^(chicken → egg → chicken|egg → chicken → egg): .*without its reference/,
      );
    }
    await plane.store.apply([tenant.schema('egg')]);
    for (const key of keys) await plane.until(key, ready);
    const both = tenant.schema('egg', {
      fields: [
        { name: 'title', type: 'string', required: true, filterable: true },
        { name: 'amount', type: 'integer', min: 0 },
        ...refersTo('chicken'),
      ],
    });
    await plane.store.apply([both]);
    await plane.until(keys[1]!, ready);
  });

  it('projects a role binding, follows its edits and ends it with its deletion', async () => {
    const binding = (roles: string[]) =>
      manifest('RoleBinding', 'jo', tenant.namespace, { actorId: 'jo', roles });
    const key = keyOf('RoleBinding', 'jo');
    await plane.store.apply([binding(['reader'])]);
    await plane.until(key, ready);
    await plane.store.apply([binding(['reader', 'sales-admin'])]);
    await plane.until(key, ready);
    const bound = () =>
      rows(
        `select organisation, actor_id, roles from platform.role_bindings where namespace = $1`,
        [tenant.namespace],
      );
    expect(await bound()).toEqual([[tenant.organisation, 'jo', ['reader', 'sales-admin']]]);
    await plane.store.delete(key);
    await plane.until(key, gone);
    expect(await bound()).toEqual([]);
  });
});

describe('deletion', () => {
  it('removes table, history, route and references of an empty schema', async () => {
    const key = keyOf('SchemaDefinition', 'empty');
    await plane.store.apply([tenant.schema('empty')]);
    await plane.until(key, ready);
    await plane.store.delete(key);
    await plane.until(key, gone);
    expect(await tablesLike('empty')).toEqual([]);
    expect(await activeRevisions('empty')).toEqual([]);
    expect(await rows(`select * from platform.history_tables where pg_table = 'empty_v1'`)).toEqual(
      [],
    );
  });

  it('refuses while the schema holds records, until it is confirmed by name', async () => {
    const key = keyOf('SchemaDefinition', 'full');
    await plane.store.apply([tenant.schema('full')]);
    const before = await plane.until(key, ready);
    const table = `${tenant.namespace.replaceAll('-', '_')}.full_v1`;
    await plane.pool.query({ text: `insert into ${table} (title) values ('a'), ('b')` });
    await plane.store.delete(key);
    const held = await plane.until(key, hasReason('Deletion', 'HoldsRecords'));
    expect(held && findCondition(held, 'Deletion')).toMatchObject({
      status: 'False',
      message: expect.stringContaining('2 records'),
    });
    expect(held?.status?.phase).toBe(before?.status?.phase);
    expect(await activeRevisions('full')).toEqual([[1, 1]]);

    await plane.store.apply([
      tenant.schema('full', { annotations: { 'velocity.sh/confirm-delete': 'full' } }),
    ]);
    await plane.until(key, gone);
    expect(await tablesLike('full')).toEqual([]);
  });

  it('refuses while another schema refers to it, and goes on when that one is gone', async () => {
    const fields = [{ name: 'owner', type: 'ref', ref: tenant.reference('owner') }];
    const owner = keyOf('SchemaDefinition', 'owner');
    const owned = keyOf('SchemaDefinition', 'owned');
    await plane.store.apply([tenant.schema('owner'), tenant.schema('owned', { fields })]);
    await plane.until(owned, ready);
    await plane.store.delete(owner);
    await plane.until(owner, hasReason('Deletion', 'Referenced'));
    await plane.store.delete(owned);
    await plane.until(owned, gone);
    await plane.until(owner, gone);
  });

  it('takes a whole organisation down from the leaves, in whatever order it was asked', async () => {
    const other = testTenant(uniqueName('brief'));
    await plane.store.apply([...other.base, other.schema('thing')]);
    await plane.until(keyOf('SchemaDefinition', 'thing', other.namespace), ready);
    const all = await Promise.all([
      plane.store.list({ namespace: other.organisation }),
      plane.store.list({ namespace: other.namespace }),
    ]);
    for (const { kind, metadata } of all.flat()) {
      await plane.store.delete(keyOf(kind, metadata.name, metadata.namespace));
    }
    await plane.until(keyOf('Organisation', other.organisation, other.organisation), gone);
    const pgNamespace = other.namespace.replaceAll('-', '_');
    expect(await rows(`select from pg_namespace where nspname = $1`, [pgNamespace])).toEqual([]);
    expect(
      await rows(`select from platform.domains where namespace = $1`, [other.namespace]),
    ).toEqual([]);
    expect(
      await rows(`select from pg_roles where rolname = $1`, [`velocity_${pgNamespace}`]),
    ).toEqual([]);
  });

  it('of a resource that is being provisioned cleans up once and for all (guarantee 29)', async () => {
    const names = Array.from({ length: 8 }, (_, n) => `brief-${n}`);
    for (const [n, name] of names.entries()) {
      const key = keyOf('SchemaDefinition', name);
      await plane.store.apply([tenant.schema(name)]);
      // A different point of the way each time: before, in the middle of, and just after it.
      await sleep(n * 15);
      await plane.store.delete(key);
    }
    for (const name of names) await plane.until(keyOf('SchemaDefinition', name), gone);
    expect(await tablesLike('brief_')).toEqual([]);
    expect(
      await rows(
        `select name from platform.schema_revisions where name like 'brief-%' and state = 'active'`,
      ),
    ).toEqual([]);
  });

  it('starts again under the same name with new revisions', async () => {
    const key = keyOf('SchemaDefinition', 'again');
    await plane.store.apply([tenant.schema('again')]);
    await plane.until(key, ready);
    await plane.store.delete(key);
    await plane.until(key, gone);
    await plane.store.apply([tenant.schema('again')]);
    const again = await plane.until(key, ready);
    expect(again?.status).toMatchObject({ activeRevision: 2, observedGeneration: 1 });
  });
});

function provisionedAt(resource: Resource | undefined): string | undefined {
  return resource?.kind === 'SchemaDefinition' ? resource.status?.provisionedAt : undefined;
}

async function listWorkflows(query: string): Promise<{ workflowId: string; type: string }[]> {
  const found: { workflowId: string; type: string }[] = [];
  for await (const execution of plane.temporal.workflow.list({ query })) found.push(execution);
  return found;
}

interface Sample {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
}

async function readSamples(): Promise<Sample[]> {
  const folder = fileURLToPath(new URL('../../samples/', import.meta.url));
  const names = await readdir(folder, { recursive: true });
  const texts = await Promise.all(
    names
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => readFile(`${folder}${name}`, 'utf8')),
  );
  return texts.flatMap((text) =>
    parseAllDocuments(text).map((document) => document.toJS() as Sample),
  );
}
