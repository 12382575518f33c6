import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SchemaDefinition } from '../../src/contract/kinds.ts';
import { gatherPlan } from '../../src/resources/plans/gather-plan.ts';
import type { TestManifest } from '../support/manifests.ts';
import { provision } from '../support/provision.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import { connect, trailOf } from './records/trail.ts';
import type { FieldFate, SchemaParts } from './schema/random-schemas.ts';
import { schemaPairs, schemaParts } from './schema/random-schemas.ts';

let api: TestApi;
let superuser: pg.Client;
let made = 0;
/** Batches, backfills and activations that were done twice. */
let repeated = 0;

beforeAll(async () => {
  api = await openTestApi();
  superuser = await connect(api.database.superuserUrl);
  const code = { name: 'code', type: 'string', unique: true };
  await api.provide(api.tenant.schema('target', { fields: [code] }));
  await superuser.query(`insert into ${trailOf(api, 'target').table} (code) values ('a'), ('b')`);
});

afterAll(async () => {
  await superuser?.end();
  await api?.close();
});

/** Everything of a table, `c` in pg_class, that a change could change. */
const parts = `
  array(select format('%s %s %s %s', attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid))
          from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
         where a.attrelid = c.oid and a.attnum > 0 and not attisdropped order by attname) as columns,
  array(select pg_get_indexdef(indexrelid) || indisvalid from pg_index where indrelid = c.oid order by 1) as indexes,
  array(select conname || pg_get_constraintdef(oid) || convalidated from pg_constraint
         where conrelid = c.oid and contype <> 'n' order by 1) as constraints,
  array(select pg_get_triggerdef(oid) from pg_trigger where tgrelid = c.oid and not tgisinternal order by 1) as triggers,
  array(select polname || pg_get_expr(polqual, polrelid) from pg_policy where polrelid = c.oid order by 1) as policies`;

async function catalogue(table: string): Promise<unknown> {
  const text = `select ${parts} from pg_class c where c.oid = $1::regclass`;
  return (await superuser.query(text, [table])).rows[0];
}

/** The catalogue, the functions and the data of all that is called by a schema: what is prepared, too. */
async function everythingOf(name: string): Promise<unknown> {
  const { namespace } = trailOf(api, name);
  const own = [namespace, `${name.replaceAll('-', '_')}_v1`];
  const tables = await superuser.query(
    `select c.oid::regclass::text as name, c.relacl::text[] as rights, ${parts} from pg_class c
      where c.relnamespace = $1::regnamespace and strpos(c.relname, $2) > 0
        and c.relkind in ('r', 'p') and not c.relispartition order by 1`,
    own,
  );
  const functions = await superuser.query(
    `select pg_get_functiondef(oid) as definition from pg_proc
      where pronamespace = $1::regnamespace and strpos(proname, $2) > 0 order by 1`,
    own,
  );
  const data: unknown[] = [];
  for (const { name: table } of tables.rows) {
    const text = `select to_jsonb(t)::text as row from ${table} t order by 1`;
    data.push([table, (await superuser.query(text)).rows]);
  }
  const revisions = await superuser.query(
    `select revision, generation, state from platform.schema_revisions
      where namespace = $1 and name = $2 order by 1`,
    [api.tenant.namespace, name],
  );
  return { tables: tables.rows, functions: functions.rows, data, revisions: revisions.rows };
}

/** As `provide`, but that everything is done twice, and nothing may change the second time. */
async function provideTwice(manifest: TestManifest): Promise<void> {
  const { name } = manifest.metadata;
  const [applied] = await api.activities.store.apply([manifest]);
  if (applied === undefined) throw new Error(`${name} was not applied`);
  await provision(api.activities, applied.resource, async (again) => {
    const once = await everythingOf(name);
    await again();
    expect(await everythingOf(name)).toEqual(once);
    repeated++;
  });
}

async function schemaOf(name: string): Promise<SchemaDefinition> {
  const key = { kind: 'SchemaDefinition', namespace: api.tenant.namespace, name } as const;
  return (await api.deps.resources.find(key)) as SchemaDefinition;
}

/** More of them by `SCHEMA_RUNS`. */
const runs = Number(process.env['SCHEMA_RUNS'] ?? 25);

const common = [
  { name: 'anchor', type: 'integer', required: true },
  { name: 'roof', type: 'integer' },
];

type Division = 'id' | 'anchor' | undefined;

/** By what the table is divided while its fields change, and by what from then on. */
const divisions: readonly (readonly [Division, Division])[] = [
  ...([
    [undefined, undefined],
    [undefined, undefined],
    [undefined, 'id'],
  ] as const),
  ...([
    ['id', 'id'],
    ['id', 'anchor'],
    ['anchor', 'anchor'],
    ['anchor', undefined],
  ] as const),
];

function dividedBy(field: Division) {
  if (field === undefined) return {};
  return { partitioning: { enabled: true, field, strategy: 'hash', interval: 'monthly' } };
}

async function migrate(
  fates: readonly FieldFate[],
  records: readonly unknown[][],
  parts: readonly [SchemaParts, SchemaParts],
  [division, later]: (typeof divisions)[number],
): Promise<void> {
  const schemaWith = (object: string, own: readonly object[], spec: SchemaParts, by: Division) => {
    // Divided by its id a table keeps nothing else unique; what it keeps stays the same all along.
    const byId = division === 'id' || later === 'id';
    const indexes = spec.indexes.filter((index) => !byId || !('unique' in index));
    const plain = own.map((field) => ({ ...field, unique: false }));
    const fields = [...common, ...(division === undefined && later === undefined ? own : plain)];
    return api.tenant.schema(object, { fields, spec: { ...spec, indexes, ...dividedBy(by) } });
  };
  const name = `pair-${++made}`;
  const { table, history } = trailOf(api, name);
  const before = fates.flatMap((fate) => (fate.before === undefined ? [] : [fate.before]));
  const after = fates.flatMap((fate) => (fate.after === undefined ? [] : [fate.after]));
  await api.provide(schemaWith(name, before, parts[0], division));
  const input = records.map((values, n) => {
    const fields = fates.map(({ before: field }, at) => [field?.['name'], values[at]]);
    return { anchor: n, ...Object.fromEntries(fields.filter(([field]) => field !== undefined)) };
  });
  const columns = ['anchor', ...before.map((field) => String(field['name']))].join(', ');
  await superuser.query(
    `insert into ${table} (${columns}) select ${columns} from json_populate_recordset(null::${table}, $1)`,
    [JSON.stringify(input)],
  );

  await provideTwice(schemaWith(name, after, parts[1], division));
  const schema = await schemaOf(name);
  expect(schema.status, JSON.stringify(schema.status?.conditions)).toMatchObject({
    phase: 'Ready',
    activeRevision: 2,
  });
  const { rows } = await superuser.query(
    `select to_jsonb(t) as row from ${table} t order by anchor`,
  );
  for (const [n, { row }] of rows.entries()) {
    const expected = fates.flatMap(({ after: field, becomes }, at) =>
      field === undefined ? [] : [[field['name'], becomes(records[n]?.[at], n, row.id)]],
    );
    expect(row).toMatchObject({ anchor: n, version: 1, ...Object.fromEntries(expected) });
    expect(Object.keys(row)).toHaveLength(9 + common.length + after.length);
  }
  const versions = await superuser.query(`select count(*)::integer as n from ${history}`);
  expect(versions.rows[0].n).toBe(records.length);

  // Planned once more nothing is to be done, and what is done nevertheless changes nothing.
  const done = await catalogue(table);
  const again = await gatherPlan(api.operator, schema);
  expect(again?.plan.changes).toEqual([]);
  expect(again?.plan.steps.filter(({ mode }) => mode !== 'swap')).toEqual([]);
  await api.operator.transaction(async (tx) => {
    for (const { sql } of again?.plan.steps ?? []) await tx.query({ text: sql });
  });
  expect(await catalogue(table)).toEqual(done);
  // And what a fresh table would have, this one has.
  const twin = trailOf(api, `${name}-twin`).table;
  await api.provide(schemaWith(`${name}-twin`, after, parts[1], division));
  const text = JSON.stringify(await catalogue(twin))
    .replaceAll('_twin', '')
    .replaceAll('-twin', '');
  expect(JSON.parse(text)).toEqual(done);
  if (later === division) return;

  // Divided otherwise, every record is the same, and so is the table.
  const held = `select to_jsonb(t)::text as row from ${table} t order by anchor`;
  const { rows: whole } = await superuser.query(held);
  await provideTwice(schemaWith(name, after, parts[1], later));
  expect((await schemaOf(name)).status).toMatchObject({ phase: 'Ready', activeRevision: 3 });
  expect((await superuser.query(held)).rows).toEqual(whole);
  const third = trailOf(api, `${name}-third`).table;
  await api.provide(schemaWith(`${name}-third`, after, parts[1], later));
  const divided = JSON.stringify(await catalogue(third))
    .replaceAll('_third', '')
    .replaceAll('-third', '');
  expect(await catalogue(table)).toEqual(JSON.parse(divided));
}

describe('any schema to any other', () => {
  it(
    'gives every record the value that the model says, and the table of a fresh schema, each step done twice',
    async () => {
      const refer = (over: object) => api.tenant.reference('target', over);
      const cases = schemaPairs(refer).chain((fates) =>
        fc.tuple(
          fc.constant(fates),
          fc.array(fc.tuple(...fates.map(({ values }) => values)), { maxLength: 8 }),
          fc.tuple(schemaParts, schemaParts),
          fc.constantFrom(...divisions),
        ),
      );
      await fc.assert(
        fc.asyncProperty(cases, ([fates, records, parts, divided]) =>
          migrate(fates, records, parts, divided),
        ),
        { numRuns: runs },
      );
      expect(repeated).toBeGreaterThan(runs);
    },
    240_000 + runs * 2_000,
  );
});
