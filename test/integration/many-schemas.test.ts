import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schemaManifest } from '../../bench/schemas/manifests.ts';
import type { SchemasResult } from '../../bench/schemas/run-schemas.ts';
import { runSchemas } from '../../bench/schemas/run-schemas.ts';
import { ensureBootstrapKey } from '../../src/auth/bootstrap-key.ts';
import { openRegistry } from '../../src/resources/registry/registry.ts';
import type { Pool } from '../../src/store/pool.ts';
import type { Statement } from '../../src/store/statement.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { uniqueName } from '../support/postgres.ts';
import type { ApiProcess } from './api/api-process.ts';
import { spawnApi } from './api/api-process.ts';

/** `make bench ARGS="--schemas 1000"` does the same with a thousand. */
const schemas = 60;
const withinMs = 110_000;
/** A thousand have 100 MB of one replica's memory. */
const bytesEachMax = 100_000;

let plane: ControlPlane;
let api: ApiProcess;
let result: SchemasResult;
const organisation = uniqueName('acme');

beforeAll(async () => {
  plane = await startControlPlane();
  const loginAs = (user: string): string => plane.superuserUrl.replace('postgres@', `${user}@`);
  const adminKey = await ensureBootstrapKey(loginAs('velocity_operator'), { env: 'test' });
  api = await spawnApi({
    VELOCITY_DATABASE_URL: loginAs('velocity_api'),
    VELOCITY_TEMPORAL_ADDRESS: plane.temporalAddress(),
  });
  await Promise.all([plane.startWorker(), plane.startOperator()]);
  result = await runSchemas(
    {
      ...{ apiUrl: api.url ?? '', adminKey, organisation, superuserUrl: plane.superuserUrl },
      apiDatabaseUrl: loginAs('velocity_api'),
    },
    { schemas, singles: 3, withinMs },
  );
}, 180_000);

afterAll(async () => {
  api?.kill('SIGTERM');
  await plane?.stop();
});

describe('many schemas at once', () => {
  it('are all served, each once', async () => {
    expect(result.servedMs).toHaveLength(schemas);
    const { rows } = await plane.pool.query<{ n: number }>({
      text: `select count(*)::integer as n from platform.schema_revisions where namespace like $1 and name like 'schema-%'`,
      values: [`${organisation}%`],
    });
    expect(rows[0]?.n).toBe(schemas);
  });

  it('take little memory of a replica', () => {
    const { memory } = result;
    expect(memory.schemas).toBeGreaterThan(schemas);
    expect(memory.snapshotBytes / memory.schemas).toBeLessThan(bytesEachMax / 3);
    expect(memory.validatorsBytes / memory.schemas).toBeLessThan(bytesEachMax);
  });

  it('are read once: a change of one brings the spec of that one', async () => {
    const read: (readonly unknown[])[] = [];
    const spying: Pool = {
      ...plane.pool,
      query: (statement: Statement) => {
        if (statement.name === 'registry.specs') read.push(statement.values?.[1] as string[]);
        return plane.pool.query(statement);
      },
    };
    const connectionString = plane.superuserUrl;
    const registry = await openRegistry({
      ...{ pool: spying, connectionString, observe: () => {}, now: Date.now },
    });
    expect(read.flat().length).toBeGreaterThan(schemas);
    read.length = 0;
    await plane.store.apply([schemaManifest(organisation, 'one-more')]);
    const path = `${organisation}/shop/sales/one-more/v1`;
    await expect.poll(() => registry.snapshot().schemas.has(path), { timeout: 20_000 }).toBe(true);
    expect(read).toEqual([['one-more']]);
    await registry.close();
  });
});
