import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kinds } from '../../src/contract/kinds.ts';
import { kubectl, sharedKubernetes, startKubernetes } from '../support/kubernetes.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { sharedTemporal } from '../support/temporal.ts';

describe('test servers', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('gives every file a database of its own on PostgreSQL 18', async () => {
    const client = new pg.Client(database.superuserUrl);
    await client.connect();
    try {
      const { rows } = await client.query<{ name: string; version: number }>(
        `SELECT current_database() AS name,
                current_setting('server_version_num')::int / 10000 AS version`,
      );
      expect(rows).toEqual([{ name: database.name, version: 18 }]);
    } finally {
      await client.end();
    }
  });

  it('lets both login roles into the migrated database', async () => {
    for (const [url, role] of [
      [database.operatorUrl, 'velocity_operator'],
      [database.apiUrl, 'velocity_api'],
    ] as const) {
      const client = new pg.Client(url);
      await client.connect();
      try {
        const { rows } = await client.query(
          `SELECT current_user AS role, to_regclass('platform.resources') IS NOT NULL AS migrated,
                  has_database_privilege(current_database(), 'CREATE') AS creates`,
        );
        expect(rows).toEqual([{ role, migrated: true, creates: role === 'velocity_operator' }]);
      } finally {
        await client.end();
      }
    }
  });

  it('shares one Temporal server', async () => {
    expect(await sharedTemporal()).toBe(await sharedTemporal());
    expect(await sharedTemporal()).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it('shares one Kubernetes API that knows every kind', async () => {
    const { kubeconfig } = await sharedKubernetes();
    expect((await sharedKubernetes()).kubeconfig).toBe(kubeconfig);
    const names = await kubectl(kubeconfig, [
      'api-resources',
      '--api-group=velocity.sh',
      '-o=name',
    ]);
    expect(names.trim().split('\n').sort()).toEqual(
      kinds.map(({ plural }) => `${plural}.velocity.sh`).sort(),
    );
  });

  it('starts a Kubernetes API that keeps what it has over a kill', async () => {
    const own = await startKubernetes();
    try {
      await kubectl(own.kubeconfig, ['create', 'namespace', 'kept']);
      await own.killApiServer();
      await expect(kubectl(own.kubeconfig, ['get', 'namespaces'])).rejects.toThrow('refused');
      await own.compactEtcd();
      await own.startApiServer();
      expect(await kubectl(own.kubeconfig, ['get', 'namespaces', '-o=name'])).toContain('/kept');
    } finally {
      await own.stop();
    }
  });
});
