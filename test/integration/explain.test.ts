import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Explanation, LayerVerdict, RuleReason } from '../../src/contract/explanation.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import type { Orders } from './explain/provide-orders.ts';
import { provideOrders } from './explain/provide-orders.ts';
import { connect } from './records/trail.ts';

let api: TestApi;
let order: string;
let ids: Orders['ids'];
let callers: Orders['callers'];
const nowhere = '01990000-0000-7000-8000-000000000001';

beforeAll(async () => {
  api = await openTestApi();
  ({ order, ids, callers } = await provideOrders(api));
});

afterAll(() => api?.close());

async function ask(by: string, question: object): Promise<Explanation> {
  const body = { schema: order, ...question };
  const answer = await callers[by]!('POST', '/api/platform/explain', { body });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json().data;
}

async function refused(by: string, question: object) {
  const body = { schema: order, ...question };
  const answer = await callers[by]!('POST', '/api/platform/explain', { body });
  return { status: answer.statusCode, code: answer.json().code };
}

function layerOf({ layers }: Explanation, name: LayerVerdict['name']): LayerVerdict {
  const found = layers.find((layer) => layer.name === name);
  if (found === undefined) throw new Error(`no layer ${name}`);
  return found;
}

const verdicts = ({ layers }: Explanation): string =>
  layers.map(({ verdict }) => verdict[0]).join('');

function ruleOf(layer: LayerVerdict, name: string): RuleReason | undefined {
  return layer.rules.find(({ rule }) => rule === name);
}

describe('who may have what explained', () => {
  it('is everybody for themselves, and about others whoever administers or diagnoses', async () => {
    for (const by of ['nora', 'luke', 'past', 'auditor', 'plumber', 'boss', 'admin']) {
      const own = await ask(by, { operation: 'read' });
      expect(await ask(by, { operation: 'read', self: true })).toEqual(own);
    }
    for (const by of ['plumber', 'boss', 'admin']) {
      expect((await ask(by, { operation: 'read', actor: 'nora' })).actor).toBe('nora');
    }
    for (const by of ['nora', 'past', 'auditor', 'scoped']) {
      const denied = { status: 403, code: 'RBAC_DENIED' };
      expect(await refused(by, { operation: 'read', actor: 'luke' }), by).toEqual(denied);
      expect(await refused(by, { operation: 'read', key: 'scoped' }), by).toEqual(denied);
    }
    expect(await ask('nora', { operation: 'read', actor: 'nora' })).toEqual(
      await ask('nora', { operation: 'read' }),
    );
  });

  it('is nobody of another organisation, which the schema does not exist for', async () => {
    const other = { operation: 'read', schema: 'elsewhere/shop/sales/order/v1' };
    expect(await refused('boss', other)).toEqual({ status: 404, code: 'SCHEMA_NOT_FOUND' });
  });

  it('names every member of a question that is not well formed', async () => {
    const body = { operation: 'grant', id: 1, actor: '', wrong: true, roles: ['x'] };
    const answer = await callers['admin']!('POST', '/api/platform/explain', { body });
    const { problems } = answer.json().details;
    expect(problems.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual([
      ...['/actor', '/id', '/operation', '/schema', '/wrong'],
    ]);
  });
});

describe('layer 1', () => {
  it('says which binding gives the role and which grant allows it', async () => {
    const found = await ask('nora', { operation: 'read' });
    expect(found).toMatchObject({
      allowed: true,
      message: expect.stringContaining('nora may read'),
    });
    const rbac = layerOf(found, 'rbac');
    expect(ruleOf(rbac, 'role seller')).toMatchObject({
      effect: 'allow',
      message: 'held by RoleBinding nora; granted read',
      place: { kind: 'SchemaDefinition', name: 'order', pointer: '/spec/access/roles/0' },
    });
    expect(ruleOf(rbac, 'role member')).toMatchObject({
      effect: 'none',
      message: "the domain's default role, held with RoleBinding nora; not granted read",
      place: { pointer: '/spec/access/roles/2/operations' },
    });
  });

  it('says why nothing grants it, and nothing of what comes after', async () => {
    const found = await ask('past', { operation: 'read' });
    expect(found).toMatchObject({ allowed: false, status: 403, code: 'RBAC_DENIED' });
    expect(verdicts(found)).toBe('dssssss');
    expect(ruleOf(layerOf(found, 'rbac'), 'RoleBinding past')).toMatchObject({
      message: 'expired at 2020-01-01T00:00:00.000Z',
      place: { kind: 'RoleBinding', name: 'past', pointer: '/spec/expiresAt' },
    });
    const stranger = await ask('boss', { operation: 'read', actor: 'nobody' });
    expect(layerOf(stranger, 'rbac').rules).toMatchObject([
      { effect: 'deny', message: expect.stringContaining('names "nobody"') },
    ]);
  });

  it('says what a key takes away', async () => {
    const own = await ask('scoped', { operation: 'read' });
    expect(own).toMatchObject({ allowed: false, code: 'AUTH_INSUFFICIENT_SCOPES', key: 'scoped' });
    const asked = await ask('boss', { operation: 'read', key: 'scoped' });
    expect(asked).toMatchObject({ actor: 'boss', code: 'AUTH_INSUFFICIENT_SCOPES' });
    expect(ruleOf(layerOf(asked, 'rbac'), 'scope 0 of the key')).toMatchObject({
      message: 'does not cover read on order v1',
      place: { kind: 'ApiKey', name: 'scoped', pointer: '/spec/scopes/0' },
    });
  });

  it('takes roles of a token as they are told', async () => {
    const question = { operation: 'read', actor: 'tess', roles: ['seller'] };
    const found = await ask('boss', { ...question, attributes: { region: 'south' } });
    expect(found).toMatchObject({ allowed: true, rows: { visible: { count: 2 } } });
    expect(ruleOf(layerOf(found, 'rbac'), 'role seller')).toMatchObject({
      message: 'carried by the token; granted read',
    });
  });
});

describe('layers 4 and 7', () => {
  it('say why a list is empty', async () => {
    const found = await ask('luke', { operation: 'read' });
    expect(found).toMatchObject({
      allowed: true,
      rows: { visible: { count: 0 }, hiddenByRls: null },
    });
    expect(layerOf(found, 'row-filter').rules).toEqual([
      {
        rule: 'row filter of seller',
        effect: 'deny',
        message: 'nothing gives seller a fitting attribute region, so no row passes',
        place: expect.objectContaining({ name: 'order', pointer: '/spec/access/rowFilter/0' }),
        values: { 'attributes.region': [] },
      },
    ]);
  });

  it('tell how many rows are hidden to those alone who see them', async () => {
    const figures = (count: number, hidden: number) => ({
      visible: { count, estimated: false },
      hiddenByRls: { count: hidden, estimated: false },
    });
    for (const by of ['boss', 'admin']) {
      const { rows } = await ask(by, { operation: 'read', actor: 'nora' });
      expect(rows, by).toEqual(figures(1, 2));
    }
    expect((await ask('auditor', { operation: 'read' })).rows).toEqual(figures(3, 0));
    for (const [by, actor] of [
      ['nora', undefined],
      ['plumber', 'nora'],
    ] as const) {
      const { rows } = await ask(by, { operation: 'read', ...(actor && { actor }) });
      expect(rows, by).toMatchObject({ visible: { count: 1 }, hiddenByRls: null });
    }
  });

  it('show of a record what decided, as far as the asker sees it', async () => {
    const question = { operation: 'read', id: ids.south, actor: 'nora' };
    const seen = await ask('boss', question);
    expect(seen).toMatchObject({ allowed: false, status: 404, code: 'ENTITY_NOT_FOUND' });
    expect(seen.message).toContain('layer 4 (row-filter) denies');
    expect(verdicts(seen)).toBe('assdaad');
    const values = { region: 'south', 'attributes.region': ['north'] };
    expect(layerOf(seen, 'row-filter').rules).toMatchObject([{ effect: 'deny', values }]);

    const plumbed = await ask('plumber', question);
    expect(plumbed).toMatchObject({ allowed: false, code: 'ENTITY_NOT_FOUND' });
    expect(JSON.stringify(plumbed)).not.toMatch(/north|south|"region"/);
    expect(layerOf(plumbed, 'row-filter').rules).toMatchObject([
      { message: 'looks at a field that you may not see' },
    ]);
  });

  it('do not tell a caller a row out of reach from one that is not there', async () => {
    for (const operation of ['read', 'update', 'delete', 'history']) {
      const [hidden, missing] = [
        await ask('nora', { operation, id: ids.south }),
        await ask('nora', { operation, id: nowhere }),
      ];
      const told = (found: Explanation) => JSON.stringify(found).replaceAll(found.id ?? '', 'ID');
      expect(told(hidden), operation).toBe(told(missing));
      expect(hidden.allowed).toBe(false);
    }
    const sure = await ask('boss', { operation: 'read', id: nowhere, actor: 'nora' });
    expect(layerOf(sure, 'rls').message).toBe('There is no such live record.');
  });

  it('judge a record that is not there yet, and what one would become', async () => {
    const create = (region: string) => ({ operation: 'create', record: { region, amount: 1 } });
    expect(await ask('nora', create('north'))).toMatchObject({ allowed: true });
    const outside = await ask('nora', create('south'));
    expect(outside).toMatchObject({ allowed: false, status: 403, code: 'RLS_POLICY_DENIED' });
    expect(layerOf(outside, 'row-filter').rules).toMatchObject([
      { effect: 'deny', values: { region: 'south', 'attributes.region': ['north'] } },
    ]);
    const update = { operation: 'update', id: ids.north };
    expect(await ask('nora', { ...update, record: { amount: 5 } })).toMatchObject({
      allowed: true,
    });
    const moved = await ask('nora', { ...update, record: { region: 'south' } });
    expect(moved).toMatchObject({ allowed: false, code: 'RLS_POLICY_DENIED' });
    const { json } = await callers['admin']!('GET', `/api/${order}/${ids.north}`);
    expect(json().data).toMatchObject({ region: 'north', version: 1 });
  });

  it('estimate beyond the bound, and say so', async () => {
    const rows = Array.from({ length: 10_000 }, () => ({
      op: 'create',
      record: { region: 'east', amount: 1 },
    }));
    const bulk = await callers['admin']!('POST', `/api/${order}/bulk`, { body: rows });
    expect(bulk.statusCode, bulk.body.slice(0, 500)).toBe(200);
    const analyst = await connect(api.database.operatorUrl);
    const table = `${api.tenant.namespace.replaceAll('-', '_')}.order_v1`;
    await analyst.query(`analyze ${table}`).finally(() => analyst.end());
    const { rows: figures } = await ask('boss', { operation: 'read', actor: 'nora' });
    expect(figures?.visible).toEqual({ count: 1, estimated: false });
    expect(figures?.hiddenByRls?.estimated).toBe(true);
    expect(figures?.hiddenByRls?.count).toBeGreaterThan(5_000);
    expect(figures?.hiddenByRls?.count).toBeLessThan(20_000);
  });

  it('ask Postgres itself: a policy that somebody has changed shows', async () => {
    const table = `${api.tenant.namespace.replaceAll('-', '_')}.order_v1`;
    const owner = await connect(api.database.operatorUrl);
    const { rows } = await owner.query(
      `select pg_get_expr(polqual, polrelid) as condition from pg_policy
        where polname = 'velocity_records' and polrelid = $1::regclass`,
      [table],
    );
    const policy = (condition: string) =>
      owner.query(
        `alter policy velocity_records on ${table} using (${condition}) with check (${condition})`,
      );
    try {
      await policy('false');
      const read = await ask('boss', { operation: 'read', actor: 'nora', id: ids.north });
      // The asker is kept out by the same policy, and is told nothing of what is behind it.
      expect(read).toMatchObject({ allowed: false, code: 'ENTITY_NOT_FOUND' });
      const record = { region: 'north' };
      const create = await ask('boss', { operation: 'create', actor: 'nora', record });
      expect(create).toMatchObject({ allowed: false, code: 'RLS_POLICY_DENIED' });
      expect(layerOf(create, 'row-filter').verdict).toBe('allow');
      expect(layerOf(create, 'rls').verdict).toBe('deny');
    } finally {
      await policy(rows[0].condition);
      await owner.end();
    }
    const record = { region: 'north' };
    expect((await ask('boss', { operation: 'create', actor: 'nora', record })).allowed).toBe(true);
  });
});

describe('layers 3, 5 and 6', () => {
  it('say which fields are hidden or read only, to whoever may know of them', async () => {
    const own = await ask('nora', { operation: 'read' });
    expect(JSON.stringify(own)).not.toContain('margin');
    const asked = await ask('boss', { operation: 'read', actor: 'nora' });
    expect(layerOf(asked, 'fields').rules).toMatchObject([
      {
        rule: 'field margin',
        effect: 'deny',
        message: 'hidden: read is for manager',
        place: { pointer: '/spec/fields/3/access/read' },
      },
    ]);
    const write = await ask('nora', { operation: 'update', id: ids.north, record: { price: '3' } });
    expect(write).toMatchObject({ allowed: false, status: 403, code: 'FIELD_ACCESS_DENIED' });
    expect(ruleOf(layerOf(write, 'fields'), 'field price')).toMatchObject({
      effect: 'deny',
      message: 'read only: write is for manager',
      place: { pointer: '/spec/fields/2/access/write' },
    });
  });

  it('know no hidden field, as the endpoints do not', async () => {
    const question = (name: string) => ({ operation: 'create', record: { [name]: '1' } });
    const told = async (name: string) =>
      JSON.stringify(await ask('nora', question(name))).replaceAll(name, 'NAME');
    expect(await told('margin')).toBe(await told('absent'));
    expect(await refused('plumber', { ...question('margin'), actor: 'nora' })).toEqual(
      await refused('plumber', { ...question('absent'), actor: 'nora' }),
    );
  });

  it('say which values are masked, and for whom they are not', async () => {
    const place = { pointer: '/spec/fields/5/mask' };
    const masked = await ask('nora', { operation: 'read' });
    expect(layerOf(masked, 'masks')).toMatchObject({
      verdict: 'allow',
      rules: [
        {
          ...{ rule: 'mask of phone', effect: 'deny', place },
          message: 'shown masked (hash): unmasked for auditor',
        },
      ],
    });
    const open = await ask('auditor', { operation: 'read' });
    expect(layerOf(open, 'masks').rules).toMatchObject([{ effect: 'allow', place }]);
    const write = await ask('nora', { operation: 'update', id: ids.north, record: { phone: '1' } });
    expect(write).toMatchObject({ allowed: false, code: 'FIELD_ACCESS_DENIED' });
    expect(ruleOf(layerOf(write, 'fields'), 'field phone')?.message).toBe(
      'read only: a guess that is written would tell what the mask hides',
    );
  });

  it('say where an include may not lead', async () => {
    const found = await ask('nora', { operation: 'read', id: ids.north, include: ['client'] });
    expect(found).toMatchObject({ allowed: false, code: 'CROSS_SCHEMA_ACCESS_DENIED' });
    expect(layerOf(found, 'cross-schema').rules).toMatchObject([
      { rule: 'reference client', effect: 'deny', place: { pointer: '/spec/fields/4/ref' } },
    ]);
    const audited = await ask('auditor', { operation: 'read', include: ['client'] });
    expect(layerOf(audited, 'cross-schema').verdict).toBe('allow');
  });
});
