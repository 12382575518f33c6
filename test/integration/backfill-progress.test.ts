import { afterAll, beforeAll, expect, it } from 'vitest';
import { applySchemaSteps } from '../../src/activities/apply-schema-steps.ts';
import type { BackfillProgress } from '../../src/activities/backfill-records.ts';
import { backfillRecords } from '../../src/activities/backfill-records.ts';
import { planSchemaChange } from '../../src/activities/plan-schema-change.ts';
import type { Resource } from '../../src/contract/kinds.ts';
import { openPostgresStore } from '../../src/resources/postgres/postgres-store.ts';
import { findCondition } from '../../src/resources/status.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';

let api: TestApi;
const records = 2_600;

beforeAll(async () => {
  api = await openTestApi();
  await api.provide(api.tenant.schema('item', { fields: [{ name: 'amount', type: 'integer' }] }));
  const table = `${api.tenant.namespace.replaceAll('-', '_')}.item_v1`;
  const text = `insert into ${table} (amount) select n from generate_series(1, ${records}) n`;
  await api.operator.query({ text });
});

afterAll(() => api?.close());

it('a backfill tells the status how far it is, once a slice, and goes on from there', async () => {
  const connectionString = api.database.operatorUrl;
  const kept = openPostgresStore({ pool: api.operator, connectionString });
  const seen: string[] = [];
  const store: typeof kept = {
    ...kept,
    patchStatus: async (key, status) => {
      const resource = { status } as unknown as Resource;
      seen.push(findCondition(resource, 'Ready')?.message ?? '');
      return kept.patchStatus(key, status);
    },
  };
  // Each look at the clock is fifteen seconds after the one before: a slice has time for one batch.
  let nowMs = Date.now();
  const now = (): Date => {
    nowMs += 15_000;
    return new Date(nowMs);
  };
  const deps = { ...api.activities, store, now };
  const ref = { kind: 'SchemaDefinition', namespace: api.tenant.namespace, name: 'item' } as const;
  const wider = { name: 'amount', type: 'decimal', precision: 30, scale: 2 };
  await kept.apply([api.tenant.schema('item', { fields: [wider] })]);

  const planned = await planSchemaChange(deps, ref);
  if (planned.next !== 'apply') throw new Error(`it is ${planned.next}`);
  const { planHash, batches } = planned;
  let from: BackfillProgress | undefined;
  let slices = 0;
  for (const { names, backfill } of batches) {
    if (!backfill) {
      await applySchemaSteps(deps, { ref, planHash, batch: names });
      continue;
    }
    seen.length = 0;
    do {
      const before: number = from?.seen ?? 0;
      from = await backfillRecords(deps, { ref, planHash, step: names[0] ?? '', from });
      slices += 1;
      expect(from.seen).toBeGreaterThan(before);
    } while (!from.done);
  }
  expect(from).toMatchObject({ done: true, seen: records, filled: records });
  expect(slices).toBeGreaterThan(1);
  // One write a slice, and the numbers grow from one to the next.
  const counted = seen.map((message) => /: (\d+) of about \d+$/.exec(message)?.[1]);
  expect(counted).toHaveLength(slices);
  expect(counted.map(Number)).toEqual([...counted].map(Number).sort((a, b) => a - b));
  expect(Number(counted.at(-1))).toBe(records);
  expect(Number(counted[0])).toBeLessThan(records);
});
