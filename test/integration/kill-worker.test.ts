import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Kind, Resource } from '../../src/contract/kinds.ts';
import { isReady } from '../../src/resources/status.ts';
import type { ResourceKey } from '../../src/resources/store.ts';
import type { ControlPlane, ControlProcess, CrashMoment } from '../support/control-plane.ts';
import { startControlPlane } from '../support/control-plane.ts';
import type { TestTenant } from '../support/manifests.ts';
import { testTenant } from '../support/manifests.ts';
import { uniqueName } from '../support/postgres.ts';

/** Guarantee 19: a worker killed with -9 at any step, and the next one brings it to its end. */

let plane: ControlPlane;
let tenant: TestTenant;
let pgNamespace: string;

beforeAll(async () => {
  plane = await startControlPlane();
  tenant = testTenant(uniqueName('acme'));
  pgNamespace = tenant.namespace.replaceAll('-', '_');
  const [worker] = await Promise.all([plane.startWorker(), plane.startOperator()]);
  await plane.store.apply(tenant.base);
  await plane.until(keyOf('Domain', 'sales'), ready);
  expect(await worker.kill('SIGTERM')).toBe(0);
});

afterAll(() => plane?.stop());

function keyOf(kind: Kind, name: string): ResourceKey {
  return { kind, namespace: tenant.namespace, name };
}

function ready(resource: Resource | undefined): boolean {
  return resource !== undefined && isReady(resource);
}

async function rows(text: string, values: unknown[] = []): Promise<unknown[][]> {
  const result = await plane.pool.query({ text, values });
  return result.rows.map((row) => Object.values(row));
}

const moments = ['before', 'after'] as const;

function stepsOf(activities: readonly string[]): { activity: string; moment: CrashMoment }[] {
  return activities.flatMap((activity) => moments.map((moment) => ({ activity, moment })));
}

/**
 * For each step a worker of its own, which dies at that step of the first work that gets there. The
 * next one finds what its predecessors left behind, and dies as well; the last one lives.
 */
async function crashAtEach(
  steps: readonly { activity: string; moment: CrashMoment }[],
  change: (step: { name: string }) => Promise<unknown>,
): Promise<ControlProcess> {
  for (const step of steps) {
    await change({ name: nameOf(step) });
    expect(await plane.runCrashingWorker(step), nameOf(step)).toBe('SIGKILL');
  }
  return plane.startWorker();
}

function nameOf({ activity, moment }: { activity: string; moment: CrashMoment }): string {
  return `${activity.toLowerCase()}-${moment}`;
}

function isGone(resource: Resource | undefined): boolean {
  return resource === undefined;
}

describe('a worker that is killed', () => {
  it('at every step on the way to a schema is followed by one that serves it, once', async () => {
    const steps = stepsOf(['planSchemaChange', 'activateRevision']);
    const worker = await crashAtEach(steps, ({ name }) =>
      plane.store.apply([tenant.schema(`made-${name}`)]),
    );
    for (const step of steps) {
      const name = `made-${nameOf(step)}`;
      const schema = await plane.until(keyOf('SchemaDefinition', name), ready);
      expect(schema?.status).toMatchObject({ phase: 'Ready', activeRevision: 1 });
      expect(
        await rows(
          `select revision, state from platform.schema_revisions
            where namespace = $1 and name = $2`,
          [tenant.namespace, name],
        ),
      ).toEqual([[1, 'active']]);
    }
    await worker.kill('SIGTERM');
  }, 120_000);

  it('at every step of a deletion is followed by one that ends it', async () => {
    const steps = stepsOf(['closeRoute', 'dropSchema']);
    const first = await plane.startWorker();
    const keys = steps.map((step) => keyOf('SchemaDefinition', `gone-${nameOf(step)}`));
    await plane.store.apply(keys.map(({ name }) => tenant.schema(name)));
    for (const key of keys) await plane.until(key, ready);
    await first.kill('SIGTERM');

    const worker = await crashAtEach(steps, ({ name }) =>
      plane.store.delete(keyOf('SchemaDefinition', `gone-${name}`)),
    );
    for (const key of keys) await plane.until(key, isGone);
    expect(
      await rows(
        `select tablename from pg_tables where schemaname = $1 and tablename like 'gone%'`,
        [pgNamespace],
      ),
    ).toEqual([]);
    await worker.kill('SIGTERM');
  }, 120_000);

  it('while an index is built beside the traffic leaves no half of it', async () => {
    const key = keyOf('SchemaDefinition', 'indexed');
    const title = { name: 'title', type: 'string' };
    const first = await plane.startWorker();
    await plane.store.apply([tenant.schema('indexed', { fields: [title] })]);
    await plane.until(key, ready);
    await first.kill('SIGTERM');
    // What a build that was cut short leaves behind: an index that nothing may use.
    await plane.pool.query({
      text: `insert into ${pgNamespace}.indexed_v1 (title) values ('twice'), ('twice')`,
    });
    // Under the name that it is built by, and under the one that it gets in the end.
    for (const name of ['_next_indexed_v1_title_idx', 'indexed_v1_title_idx']) {
      const text = `create unique index concurrently ${name} on ${pgNamespace}.indexed_v1 (title)`;
      await plane.pool.query({ text }).catch(() => undefined);
    }
    const valid = () =>
      rows(
        `select x.indisvalid, x.indisunique from pg_index x join pg_class i on i.oid = x.indexrelid
          where i.relname = 'indexed_v1_title_idx'`,
      );
    expect(await valid()).toEqual([[false, true]]);

    const fields = [{ ...title, filterable: true }];
    const steps = [{ activity: 'applySchemaSteps', moment: 'before' }] as const;
    const worker = await crashAtEach(steps, () =>
      plane.store.apply([tenant.schema('indexed', { fields })]),
    );
    await plane.until(key, ready);
    expect(await valid()).toEqual([[true, false]]);
    await worker.kill('SIGTERM');
  });

  it('at every step of a change is followed by one that ends in the same place', async () => {
    const steps = stepsOf([
      'planSchemaChange',
      'applySchemaSteps',
      'backfillRecords',
      'activateRevision',
    ]);
    const first = await plane.startWorker();
    const title = { name: 'title', type: 'string' };
    const amount = (type: string) => ({ name: 'amount', type, filterable: true });
    const names = ['changed-unharmed', ...steps.map((step) => `changed-${nameOf(step)}`)];
    const before = { fields: [title, amount('integer')] };
    const after = { fields: [title, amount('decimal'), { name: 'due', type: 'date' }] };
    await plane.store.apply(names.map((name) => tenant.schema(name, before)));
    const tableOf = (name: string) => `${pgNamespace}.${name.replaceAll('-', '_')}_v1`;
    for (const name of names) {
      await plane.until(keyOf('SchemaDefinition', name), ready);
      await rows(
        `insert into ${tableOf(name)} (title, amount) select n, n from generate_series(1, 5000) n`,
      );
    }
    await plane.store.apply([tenant.schema('changed-unharmed', after)]);
    await plane.until(keyOf('SchemaDefinition', 'changed-unharmed'), ready);
    await first.kill('SIGTERM');

    const worker = await crashAtEach(steps, ({ name }) =>
      plane.store.apply([tenant.schema(`changed-${name}`, after)]),
    );
    const stateOf = async (name: string) => {
      const [columns] = await rows(
        `select array_agg(attname || ' ' || format_type(atttypid, atttypmod) order by attname)
           from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped`,
        [tableOf(name)],
      );
      const [values] = await rows(
        `select count(*), sum(amount)::text, max(version) from ${tableOf(name)}`,
      );
      const indexes = await rows(
        `select replace(indexname, $2, 'x') from pg_indexes where schemaname || '.' || tablename = $1 order by 1`,
        [tableOf(name), tableOf(name).split('.')[1]],
      );
      return { columns, values, indexes };
    };
    const unharmed = await stateOf('changed-unharmed');
    for (const step of steps) {
      const name = `changed-${nameOf(step)}`;
      const schema = await plane.until(keyOf('SchemaDefinition', name), ready);
      expect(schema?.status, name).toMatchObject({ activeRevision: 2 });
      expect(await stateOf(name), name).toEqual(unharmed);
    }
    await worker.kill('SIGTERM');
  }, 240_000);

  it('again and again while many schemas arrive leaves all of them served', async () => {
    const names = Array.from({ length: 12 }, (_, n) => `many-${n}`);
    const pausesMs = [120, 350, 700];
    let worker = await plane.startWorker();
    await plane.store.apply(names.map((name) => tenant.schema(name)));
    for (const pauseMs of pausesMs) {
      await sleep(pauseMs);
      await worker.kill('SIGKILL');
      worker = await plane.startWorker();
    }
    for (const name of names) await plane.until(keyOf('SchemaDefinition', name), ready);
    expect(
      await rows(
        `select count(*) as revisions, count(distinct name) as schemas from platform.schema_revisions
          where namespace = $1 and name like 'many-%' and state = 'active'`,
        [tenant.namespace],
      ),
    ).toEqual([[12, 12]]);
  });
});
