import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ActivityDeps } from '../../src/activities/deps.ts';
import type { Resource, SchemaDefinition } from '../../src/contract/kinds.ts';
import { approveBreakingAnnotation } from '../../src/contract/names.ts';
import { gatherPlan } from '../../src/resources/plans/gather-plan.ts';
import { openPostgresStore } from '../../src/resources/postgres/postgres-store.ts';
import { isReady } from '../../src/resources/status.ts';
import { dumpCatalogue } from '../../src/store/catalogue-dump.ts';
import { createListenTo } from '../../src/store/listen.ts';
import { aroundStatements } from '../support/around-statements.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { startControlPlane } from '../support/control-plane.ts';
import type { SchemaOver } from '../support/manifests.ts';
import { testTenant } from '../support/manifests.ts';
import { uniqueName } from '../support/postgres.ts';
import { provision } from '../support/provision.ts';
import { connect } from './records/trail.ts';
import { schemaPairs, schemaParts } from './schema/random-schemas.ts';

/** Guarantee 19, of any change and any statement. `CRASH_SEED=… CRASH_RUNS=…` repeats or goes on longer. */
const seed = Number(process.env['CRASH_SEED'] ?? Date.now() % 2 ** 31);
const runs = Number(process.env['CRASH_RUNS'] ?? 5);

/** More than two batches of a backfill. */
const recordCount = 1_200;
/** A killed worker is missed after seconds, and what it had begun may lock what the next one needs. */
const readyWithinMs = 60_000;

const tenant = testTenant(uniqueName('acme'));
const pgNamespace = tenant.namespace.replaceAll('-', '_');
const tableName = (name: string): string => `${name.replaceAll('-', '_')}_v1`;

let plane: ControlPlane;
let superuser: pg.Client;
/** What a worker would work with, over a pool that counts. */
let activities: ActivityDeps;
let statements = 0;

beforeAll(async () => {
  plane = await startControlPlane();
  superuser = await connect(plane.superuserUrl);
  const connectionString = plane.operatorDatabaseUrl;
  const pool = aroundStatements(plane.pool, (statement) => {
    statements++;
    return statement();
  });
  activities = {
    ...{ pool, store: openPostgresStore({ pool, connectionString }) },
    listenTo: createListenTo(connectionString),
    now: () => new Date(),
    random: Math.random,
  };
  const code = { name: 'code', type: 'string', unique: true };
  for (const manifest of [...tenant.base, tenant.schema('target', { fields: [code] })]) {
    const [applied] = await plane.store.apply([manifest]);
    await provision(activities, applied?.resource as Resource);
  }
  await superuser.query(`insert into ${pgNamespace}.target_v1 (code) values ('a'), ('b')`);
});

afterAll(async () => {
  await superuser?.end();
  await plane?.stop();
});

interface Change {
  readonly before: SchemaOver;
  readonly after: SchemaOver;
  /** What the records hold before. */
  readonly records: readonly Readonly<Record<string, unknown>>[];
}

const common = [
  { name: 'anchor', type: 'integer', required: true },
  { name: 'roof', type: 'integer' },
];

const numbered = (values: readonly object[]): Change['records'] =>
  values.map((one, n) => ({
    ...one,
    id: `00000000-0000-7000-8000-${String(n + 1).padStart(12, '0')}`,
    anchor: n,
  }));

const fieldChanges: fc.Arbitrary<Change> = schemaPairs((over) => tenant.reference('target', over))
  .chain((fates) =>
    fc.record({
      fates: fc.constant(fates),
      values: fc.array(fc.tuple(...fates.map((fate) => fate.values)), {
        minLength: 1,
        maxLength: 8,
      }),
      parts: fc.tuple(schemaParts, schemaParts),
    }),
  )
  .map(({ fates, values, parts }) => {
    const before = fates.flatMap((fate) => (fate.before === undefined ? [] : [fate.before]));
    const after = fates.flatMap((fate) => (fate.after === undefined ? [] : [fate.after]));
    const held = values.map((list) =>
      Object.fromEntries(
        fates.flatMap(({ before: field }, at) =>
          field === undefined ? [] : [[field['name'], list[at]]],
        ),
      ),
    );
    const unique = [...before, ...after].some((field) => field['unique'] === true);
    const length = unique ? held.length : recordCount;
    return {
      before: { fields: [...common, ...before], spec: parts[0] },
      after: { fields: [...common, ...after], spec: parts[1] },
      records: numbered(Array.from({ length }, (_, n) => held[n % held.length] ?? {})),
    };
  })
  .filter(({ before, after }) => JSON.stringify(before) !== JSON.stringify(after));

function dividedBy(field: string | undefined): SchemaOver {
  const partitioning = { enabled: true, field, strategy: 'hash', interval: 'monthly' };
  return { fields: common, ...(field !== undefined && { spec: { partitioning } }) };
}

const divisions: fc.Arbitrary<Change> = fc
  .constantFrom([undefined, 'anchor'], [undefined, 'id'], ['id', 'anchor'], ['anchor', undefined])
  .map(([was, is]) => ({
    before: dividedBy(was),
    after: dividedBy(is),
    records: numbered(Array.from({ length: recordCount }, () => ({}))),
  }));

const crashes = fc.record({
  change: fc.oneof({ weight: 3, arbitrary: fieldChanges }, { weight: 1, arbitrary: divisions }),
  /** Of the statements that the change takes. */
  statement: fc.noBias(fc.nat(9_999)),
  moment: fc.constantFrom('before' as const, 'during' as const, 'after' as const),
});

async function serve(name: string, { before, records }: Change): Promise<void> {
  const [applied] = await plane.store.apply([tenant.schema(name, before)]);
  await provision(activities, applied?.resource as Resource);
  const table = `${pgNamespace}.${tableName(name)}`;
  const columns = Object.keys(records[0] ?? {}).join(', ');
  await superuser.query(
    `insert into ${table} (${columns}) select ${columns} from json_populate_recordset(null::${table}, $1)`,
    [JSON.stringify(records)],
  );
}

/** With the word of who asks, should the change be breaking. */
async function ask(name: string, { after }: Change): Promise<Resource> {
  const manifest = tenant.schema(name, after);
  const [wanted] = await plane.store.apply([manifest], { dryRun: true });
  const gathered = await gatherPlan(plane.pool, wanted?.resource as SchemaDefinition);
  const annotations = { [approveBreakingAnnotation]: gathered?.plan.hash ?? '' };
  const [applied] = await plane.store.apply([tenant.schema(name, { ...after, annotations })]);
  return applied?.resource as Resource;
}

const isServed = (found: Resource | undefined): boolean => found !== undefined && isReady(found);

/** All that is there of a schema, whatever it is called and whenever it came to be. */
async function stateOf(name: string, dump: readonly string[]): Promise<unknown> {
  const own = tableName(name);
  const nameless = (text: string) => text.replaceAll(own, 'x').replaceAll(name, 'x');
  // Functions say the name, and so differ in their digests: their text is compared instead.
  const catalogue = dump
    .filter((line) => line.includes(own))
    .map((line) => nameless(line).replace(/digest=\w+/, ''));
  const functions = await superuser.query(
    `select pg_get_functiondef(oid) as definition from pg_proc
      where pronamespace = $1::regnamespace and strpos(proname, $2) > 0`,
    [pgNamespace, own],
  );
  const tables = await superuser.query(
    `select oid::regclass::text as name from pg_class
      where relnamespace = $1::regnamespace and strpos(relname, $2) > 0
        and relkind in ('r', 'p') and not relispartition order by 1`,
    [pgNamespace, own],
  );
  const data: unknown[] = [];
  for (const { name: table } of tables.rows) {
    const { rows } = await superuser.query(
      `select (to_jsonb(t) - '{created_at,updated_at,_occurred_at,_xid,_audit_id}'::text[])::text as row
         from ${table} t order by 1`,
    );
    data.push([nameless(table), rows.map(({ row }) => nameless(row))]);
  }
  const revisions = await superuser.query(
    `select revision, generation, state from platform.schema_revisions
      where namespace = $1 and name = $2 order by 1`,
    [tenant.namespace, name],
  );
  const definitions = functions.rows.map(({ definition }) => nameless(definition));
  return {
    ...{ catalogue: catalogue.sort(), functions: definitions.sort() },
    ...{ data, revisions: revisions.rows },
  };
}

describe('a worker that is killed at any statement of any change', () => {
  it(
    'is followed by one that ends where an undisturbed one ends',
    async () => {
      console.info(`crash property: CRASH_SEED=${seed} CRASH_RUNS=${runs}`);
      const drawn = fc.sample(crashes, { seed, numRuns: runs });
      const planned: { name: string; calm: string; statement: number; of: number }[] = [];
      for (const [n, { change, statement }] of drawn.entries()) {
        // Names of one length, so that whatever is cut to what Postgres allows is cut alike.
        const [name, calm] = [`kill-${n}`, `calm-${n}`];
        await serve(name, change);
        await serve(calm, change);
        const asked = await ask(calm, change);
        statements = 0;
        await provision(activities, asked);
        planned.push({ name, calm, statement: 1 + (statement % statements), of: statements });
      }

      await plane.startOperator();
      for (const [n, { name, statement, of }] of planned.entries()) {
        const { change, moment } = drawn[n] as (typeof drawn)[number];
        console.info(`${name}: killed ${moment} statement ${statement} of ${of}`);
        await ask(name, change);
        const crash = { schema: name, statement, moment };
        expect(await plane.runCrashingWorker(crash), name).toBe('SIGKILL');
      }
      // It finds what its predecessors left behind, several of them half done.
      const worker = await plane.startWorker();
      const { namespace } = tenant;
      for (const { name } of planned) {
        const key = { kind: 'SchemaDefinition', namespace, name } as const;
        const schema = await plane.until(key, isServed, readyWithinMs);
        expect(schema?.status, name).toMatchObject({ phase: 'Ready', activeRevision: 2 });
      }
      await worker.kill('SIGTERM');
      const dump = (await dumpCatalogue(plane.pool)).split('\n');
      for (const { name, calm } of planned) {
        expect(await stateOf(name, dump), name).toEqual(await stateOf(calm, dump));
      }
    },
    60_000 + runs * 15_000,
  );
});
