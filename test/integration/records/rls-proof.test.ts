import fc from 'fast-check';
import type pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Access } from '../../../src/auth/access.ts';
import type { Field } from '../../../src/contract/kinds.ts';
import { compileGet, planGet } from '../../../src/query/compile-get.ts';
import type { CompiledQuery } from '../../../src/query/compile-record-query.ts';
import { compileRecordQuery } from '../../../src/query/compile-record-query.ts';
import { noMasks } from '../../../src/query/mask.ts';
import { planRecordQuery } from '../../../src/query/plan-record-query.ts';
import type { ReadAccess } from '../../../src/query/read-access.ts';
import type { RecordQuery } from '../../../src/query/record-query.ts';
import { parseQueryBody } from '../../../src/query/record-query.ts';
import {
  deleteRecords,
  insertRecords,
  updateRecords,
} from '../../../src/records/sql/write-many.ts';
import {
  deleteRecordRow,
  findVersion,
  insertRecord,
  updateRecord,
} from '../../../src/records/sql/write-one.ts';
import type { CompiledSchema } from '../../../src/schema/compile.ts';
import { contextStatement } from '../../../src/store/context.ts';
import { sqlState } from '../../../src/store/database-error.ts';
import type { SessionContext, Statement } from '../../../src/store/statement.ts';
import { everyType, makerFields } from '../../unit/query/schema-fixture.ts';
import type { TestApi } from '../api/test-api.ts';
import { openTestApi } from '../api/test-api.ts';
import { arbitraryCondition, arbitraryRows, arbitrarySort } from '../query/arbitrary-query.ts';
import type { ThingRow } from '../query/thing-table.ts';
import { insertRows } from '../query/thing-table.ts';
import type { Caller, Row } from './row-filter-callers.ts';
import { arbitraryCaller, idsSeen, makerRoles, roles } from './row-filter-callers.ts';
import { connect } from './trail.ts';

/**
 * Layer 7 without layer 4: every statement that the API compiles, without the row filter that it would
 * put into it, against tables under their policies. What Postgres answers alone is held against the
 * rows that this test finds visible by rules of its own.
 */

let api: TestApi;
/** Bypasses every policy: sees what there is. */
let superuser: pg.Client;
let thing: CompiledSchema;
let maker: CompiledSchema;
let things: readonly ThingRow[];
let makers: readonly ThingRow[];

const includable = fc.constantFrom<string[]>([], ['maker'], ['maker.home'], ['parent', 'maker']);
const arbitraryQuery: fc.Arbitrary<RecordQuery> = fc
  .record({
    where: fc.option(arbitraryCondition, { nil: undefined }),
    sort: arbitrarySort,
    limit: fc.integer({ min: 1, max: 50 }),
    offset: fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined }),
    include: includable,
    count: fc.constantFrom('none' as const, 'exact' as const),
  })
  .map(({ where, offset, include, ...query }) => ({
    ...query,
    include: include.map((name) => ({ name, pointer: '' })),
    ...(where !== undefined && { where }),
    ...(offset !== undefined && { offset }),
  }));
const grouped = [
  { groupBy: ['status'], aggregate: [{ fn: 'count', as: 'n' }] },
  { groupBy: ['approved', 'due'], aggregate: [{ fn: 'max', field: 'rank', as: 'top' }] },
  {
    aggregate: [
      { fn: 'sum', field: 'quantity', as: 'all' },
      { fn: 'count', as: 'n' },
    ],
  },
];

beforeAll(async () => {
  api = await openTestApi();
  superuser = await connect(api.database.superuserUrl);
  await superuser.query("set timezone to 'UTC'");
  const { tenant } = api;
  const here = (fields: readonly Field[]): object[] =>
    fields.map(({ ref, ...field }) =>
      ref === undefined
        ? field
        : {
            ...field,
            ref: tenant.reference(ref.object, {
              ...(ref.key === undefined ? { onDelete: 'setNull' } : { key: ref.key }),
            }),
          },
    );
  const access = (of: typeof roles) => ({
    roles: of.map(({ role }) => ({ role, operations: ['*'] })),
    rowFilter: of.flatMap(({ role, filters }) => filters.map((filter) => ({ role, filter }))),
  });
  await api.provide(
    tenant.schema('maker', { fields: here(makerFields), spec: { access: access(makerRoles) } }),
    tenant.schema('thing', { fields: here(everyType), spec: { access: access(roles) } }),
  );
  const { schemas } = api.deps.registry.snapshot();
  thing = schemas.get(`${tenant.organisation}/shop/sales/thing/v1`)!;
  maker = schemas.get(`${tenant.organisation}/shop/sales/maker/v1`)!;
  makers = [
    { id: uuidv7(), name: 'ada', region: 'north' },
    { id: uuidv7(), name: 'bob', region: 'south' },
    { id: uuidv7(), name: 'ghost' },
  ];
  makers = makers.map((row, index) => ({ ...row, home: makers[(index + 1) % 3]!.id }));
  await superuser.query('set session_replication_role = replica');
  await insertRows(superuser, maker, makers);
  await superuser.query('set session_replication_role = origin');
  const [rows = []] = fc.sample(arbitraryRows, { numRuns: 1, seed: 2026 });
  things = rows.map((row, index) => ({
    ...row,
    ...(index > 3 && { parent: rows[index - 3]!.id }),
  }));
  await insertRows(superuser, thing, things);
});

afterAll(async () => {
  await superuser?.end();
  await api?.close();
});

const visible = (caller: Caller) => ({
  thing: idsSeen(roles, things, caller.thing),
  maker: idsSeen(makerRoles, makers, caller.maker),
});

function sessionFor(caller: Caller): SessionContext {
  return {
    ...{ role: thing.pgRole, organisation: thing.organisation, actor: 'proof', actorType: 'user' },
    ...{ strategy: 'apikey', requestId: 'proof' },
    grants: JSON.stringify({ [thing.path]: caller.thing, [maker.path]: caller.maker }),
  };
}

/** Sees all fields; `ids` undefined: layer 4 is off. */
function reading(schema: CompiledSchema, ids?: readonly string[]): ReadAccess {
  return {
    readable: new Set(schema.fields.keys()),
    masks: noMasks,
    rowFilter: ids === undefined ? undefined : { field: 'id', op: 'in', value: ids },
  };
}

/** A query's statements; with `seen` they hold to those ids, which is how the right answer is found. */
function compile(query: RecordQuery, seen?: { thing: string[]; maker: string[] }): CompiledQuery {
  return compileRecordQuery(
    planRecordQuery({
      schema: thing,
      query,
      access: reading(thing, seen?.thing),
      cursorSecret: 'c'.repeat(32),
      findSchema: ({ object }) => (object === 'maker' ? maker : thing),
      accessTo: (schema) => reading(schema, schema === maker ? seen?.maker : seen?.thing),
    }),
  );
}

async function asCaller(caller: Caller, statement: Statement): Promise<Row[]> {
  const [result] = await api.deps.records.pipeline.transact(sessionFor(caller), [statement]);
  return result?.rows ?? [];
}

async function asSuperuser({ text, values }: Statement): Promise<Row[]> {
  return (await superuser.query(text, [...(values ?? [])])).rows;
}

/** What becomes of a write, which is taken back. */
async function attempt(caller: Caller, statement: Statement): Promise<Row[] | string> {
  const undo = new Error('undo');
  let rows: Row[] = [];
  try {
    await api.deps.pool.transaction(async (tx) => {
      await tx.query(contextStatement(sessionFor(caller)));
      rows = (await tx.query(statement)).rows as Row[];
      throw undo;
    });
  } catch (error) {
    if (error !== undo) return sqlState(error) ?? String(error);
  }
  return rows;
}

const writing = (): Access => ({
  ...{ grants: [], grantsText: '', ...reading(thing) },
  writable: new Set(thing.userFields.map(({ name }) => name)),
  ...{ policies: [], readPolicies: [], roles: [] },
});
const write = (values: Row, guarded = new Map<string, CompiledSchema>()) => ({
  ...{ schema: thing, access: writing(), values, guarded, keep: undefined },
});

/** The values of a record of `things`, under another code. */
function copyOf(row: ThingRow, code: string): Row {
  const { id: _, parent: __, ...values } = row;
  return { ...values, code };
}

describe('with layer 4 switched off, Postgres alone', () => {
  it('shows each caller the right rows of any list, page by page, whatever it includes', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryCaller, arbitraryQuery, async (caller, query) => {
        const seen = visible(caller);
        const page = async (one: RecordQuery) => {
          const [alone, right] = [compile(one), compile(one, seen)];
          const [shown, due] = [
            alone.decodePage(await asCaller(caller, alone.list)),
            right.decodePage(await asSuperuser(right.list)),
          ];
          expect(JSON.parse(shown.data)).toEqual(JSON.parse(due.data));
          expect(shown.cursor).toBe(due.cursor);
          if (alone.count === undefined || right.count === undefined) return shown;
          expect(alone.decodeTotal(await asCaller(caller, alone.count))).toBe(
            right.decodeTotal(await asSuperuser(right.count)),
          );
          return shown;
        };
        const { cursor } = await page(query);
        if (cursor === undefined) return;
        const { offset: _, ...following } = query;
        await page({ ...following, cursor });
      }),
      { numRuns: 150, seed: 4 },
    );
  });

  it('groups and gathers only what the caller sees', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryCaller,
        fc.constantFrom(...grouped),
        fc.option(arbitraryCondition, { nil: undefined }),
        async (caller, body, where) => {
          const query = { ...parseQueryBody(body), ...(where !== undefined && { where }) };
          const [alone, right] = [compile(query), compile(query, visible(caller))];
          expect(JSON.parse(alone.decodePage(await asCaller(caller, alone.list)).data)).toEqual(
            JSON.parse(right.decodePage(await asSuperuser(right.list)).data),
          );
        },
      ),
      { numRuns: 60, seed: 5 },
    );
  });

  it('finds by id, to show, to base a change on, and in the past, what the caller sees', async () => {
    const plan = planGet({
      schema: thing,
      access: reading(thing),
      query: parseQueryBody({ include: ['maker', 'parent'] }),
      findSchema: ({ object }) => (object === 'maker' ? maker : thing),
      accessTo: (schema) => reading(schema),
    });
    const get = compileGet(plan);
    const history = `select from ${thing.pgNamespace}."${thing.historyTable}" h where h.id = $1::uuid`;
    await fc.assert(
      fc.asyncProperty(
        arbitraryCaller,
        fc.nat({ max: things.length - 1 }),
        async (caller, place) => {
          const seen = visible(caller);
          const { id, maker: name, parent } = things[place]!;
          const isSeen = seen.thing.includes(id) ? 1 : 0;
          const [row] = await asCaller(
            caller,
            get(id, () => ({})),
          );
          expect(row === undefined ? 0 : 1).toBe(isSeen);
          expect(await asCaller(caller, findVersion(thing, id))).toHaveLength(isSeen);
          expect(await asCaller(caller, { text: history, values: [id] })).toHaveLength(isSeen);
          if (row === undefined) return;
          const shown = JSON.parse(String(row['data']));
          const home = makers.find((one) => one['name'] === name);
          const seesMaker = home !== undefined && seen.maker.includes(home.id);
          expect(shown.maker?.name).toBe(seesMaker ? name : undefined);
          const seesParent = parent !== undefined && seen.thing.includes(String(parent));
          expect(shown.parent?.id).toBe(seesParent ? parent : undefined);
        },
      ),
      { numRuns: 150, seed: 6 },
    );
  });

  it('lets nobody change or delete what they do not see, one by one or as a set', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryCaller,
        fc.nat({ max: things.length - 1 }),
        async (caller, place) => {
          const seen = visible(caller).thing;
          const { id } = things[place]!;
          const isSeen = seen.includes(id) ? 1 : 0;
          const change = write({ notes: 'changed' });
          for (const version of [1, undefined]) {
            expect(await attempt(caller, updateRecord(change, id, version))).toHaveLength(isSeen);
            const deleted = deleteRecordRow(write({}), id, version);
            expect(await attempt(caller, deleted)).toHaveLength(isSeen);
          }
          const all = things.map((row) => ({
            ...{ id: row.id, version: undefined, values: { notes: 'changed' } },
          }));
          const written = (rows: Row[] | string): unknown[] =>
            (rows as Row[]).filter((row) => row['version'] !== null).map((row) => row['id']);
          const told = (rows: Row[] | string): unknown[] =>
            (rows as Row[]).filter((row) => row['current'] !== null).map((row) => row['id']);
          for (const statement of [
            updateRecords(thing, all, new Map(), false),
            deleteRecords(thing, all, false),
          ]) {
            const outcome = await attempt(caller, statement);
            expect(written(outcome)).toEqual(seen);
            expect(told(outcome)).toEqual([]);
          }
          if (seen.length === things.length) return;
          for (const statement of [
            updateRecords(thing, all, new Map(), true),
            deleteRecords(thing, all, true),
          ]) {
            expect(await attempt(caller, statement)).toBe('VE031');
          }
        },
      ),
      { numRuns: 40, seed: 7 },
    );
  });

  it('lets nobody write a row that they would not see', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryCaller,
        fc.nat({ max: things.length - 1 }),
        fc.nat({ max: things.length - 1 }),
        async (caller, from, to) => {
          const seen = visible(caller).thing;
          const source = things[from]!;
          const fits = seen.includes(source.id);
          const values = copyOf(source, 'new');
          const code = thing.fields.get('code');
          for (const statement of [
            insertRecord(write(values), uuidv7()),
            insertRecord(write(values), uuidv7(), code),
            insertRecords(thing, [{ id: uuidv7(), values }], new Map()),
          ]) {
            const outcome = await attempt(caller, statement);
            expect(outcome === '42501').toBe(!fits);
          }
          const target = things[to]!;
          const moved = await attempt(
            caller,
            updateRecord(write(copyOf(source, String(target['code']))), target.id, undefined),
          );
          if (!seen.includes(target.id)) expect(moved).toEqual([]);
          else if (fits) expect(moved).toHaveLength(1);
          else expect(moved).toBe('42501');
        },
      ),
      { numRuns: 80, seed: 8 },
    );
  });

  it('lets nobody refer to what they do not see, where references are looked up', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryCaller,
        fc.nat({ max: things.length - 1 }),
        fc.constantFrom(0, 1, 2),
        async (caller, place, which) => {
          const { thing: seen, maker: seenMakers } = visible(caller);
          const { id } = things[place]!;
          const { id: makerId, name } = makers[which]!;
          const guarded = new Map([['maker', maker]]);
          const isKept = things[place]!['maker'] === name;
          for (const statement of [
            updateRecord(write({ maker: name }, guarded), id, undefined),
            updateRecords(
              thing,
              [{ id, version: undefined, values: { maker: name } }],
              guarded,
              false,
            ),
          ]) {
            const outcome = await attempt(caller, statement);
            if (!seen.includes(id)) {
              expect((outcome as Row[]).filter((row) => row['version'] !== null)).toEqual([]);
            } else if (seenMakers.includes(makerId) || isKept) expect(outcome).toHaveLength(1);
            else expect(outcome).toBe('VE010');
          }
        },
      ),
      { numRuns: 80, seed: 9 },
    );
  });
});
