import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applySchemaSteps } from '../../src/activities/apply-schema-steps.ts';
import { concludeRepair } from '../../src/activities/drift/repair-schema.ts';
import { planSchemaChange } from '../../src/activities/plan-schema-change.ts';
import type { SchemaDefinition } from '../../src/contract/kinds.ts';
import { findDrift } from '../../src/resources/drift/find-drift.ts';
import { findRepair, requestRepair } from '../../src/resources/drift/repair-requests.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';

let api: TestApi;

beforeAll(async () => {
  api = await openTestApi();
});

afterAll(async () => {
  await api?.close();
});

const refOf = (name: string) =>
  ({ kind: 'SchemaDefinition', namespace: api.tenant.namespace, name }) as const;

async function schemaNow(name: string): Promise<SchemaDefinition> {
  return (await api.deps.resources.find(refOf(name))) as SchemaDefinition;
}

async function ask(name: string): Promise<void> {
  const { generation = 1 } = (await schemaNow(name)).metadata;
  const asked = { requestedBy: 'dora', reason: undefined, generation };
  expect(await requestRepair(api.operator, refOf(name), asked)).toBe(true);
}

describe('a spec that is not served yet', () => {
  it('takes the place of a repair while its own plan waits', async () => {
    const ref = refOf('parcel');
    await api.provide(api.tenant.schema('parcel'));
    const fields = [{ name: 'title', type: 'string' }];
    await api.deps.resources.apply([api.tenant.schema('parcel', { fields })]);
    const before = await planSchemaChange(api.activities, ref);
    expect(before.next).toBe('await');
    await ask('parcel');
    expect(await planSchemaChange(api.activities, ref)).toEqual(before);
    expect(await findRepair(api.operator, ref)).toBe(undefined);
    const { status } = await schemaNow('parcel');
    expect(status).toMatchObject({ phase: 'AwaitingApproval', activeRevision: 1 });
  });

  it('is planned after a repair that it came in the middle of', async () => {
    const ref = refOf('crate');
    const fields = [{ name: 'title', type: 'string', filterable: true }];
    await api.provide(api.tenant.schema('crate', { fields }));
    const pgNamespace = api.tenant.namespace.replaceAll('-', '_');
    await api.operator.query({ text: `drop index ${pgNamespace}.crate_v1_title_idx` });
    await ask('crate');
    const repairing = await planSchemaChange(api.activities, ref);
    if (repairing.next !== 'apply') throw new Error(repairing.next);
    const next = api.tenant.schema('crate', { fields, spec: { version: 'v2' } });
    await api.deps.resources.apply([next]);
    const { planHash, batches } = repairing;
    for (const { names: batch } of batches) {
      await applySchemaSteps(api.activities, { ref, planHash, batch });
    }
    const ended = await concludeRepair(api.activities, { ref, planHash });
    expect(ended.reason).toBe('SpecChanged');
    expect(await findDrift(api.operator, ref)).toMatchObject([{ version: 'v1', items: [] }]);
    const planned = await planSchemaChange(api.activities, ref);
    expect(planned).toMatchObject({ next: 'apply', generation: 2 });
  });
});
