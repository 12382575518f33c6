import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../src/contract/kinds.ts';
import { createKubernetesClient } from '../../src/resources/kubernetes/client.ts';
import { openKubernetesSecrets } from '../../src/resources/secrets/kubernetes-secrets.ts';
import { openPostgresSecrets } from '../../src/resources/secrets/postgres-secrets.ts';
import type { SecretStore } from '../../src/resources/secrets/secret-store.ts';
import type { Pool } from '../../src/store/pool.ts';
import { openPool } from '../../src/store/pool.ts';
import { kubectl, sharedKubernetes } from '../support/kubernetes.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { createTestDatabase, uniqueName } from '../support/postgres.ts';

const namespace = uniqueName('secrets');
const sealingKey = randomBytes(32);

let database: TestDatabase;
let asApi: Pool;
let kubeconfig: string;
let stores: Record<'postgres' | 'kubernetes', SecretStore>;
let close: () => Promise<void>;

beforeAll(async () => {
  database = await createTestDatabase();
  asApi = openPool({ connectionString: database.apiUrl, application: 'test' });
  ({ kubeconfig } = await sharedKubernetes());
  await kubectl(kubeconfig, ['create', 'namespace', namespace]);
  const client = await createKubernetesClient({ kubeconfig, namespace: undefined });
  stores = {
    postgres: openPostgresSecrets({ pool: asApi, keys: [sealingKey], randomBytes }),
    kubernetes: openKubernetesSecrets(client),
  };
  close = async () => {
    await client.close();
    await asApi.close();
    await database.drop();
  };
});

afterAll(() => close?.());

describe.each(['postgres', 'kubernetes'] as const)('secrets in %s', (where) => {
  const ref = { namespace, name: 'identity-provider', key: 'client-secret' };

  it('are not there until they are written, and then as they were', async () => {
    const store = stores[where];
    expect(await store.read(ref)).toBeUndefined();
    await store.write(ref, 'geheim ☂\n');
    expect(await store.read(ref)).toBe('geheim ☂\n');
    await store.write(ref, 'another');
    expect(await store.read(ref)).toBe('another');
  });

  it('have keys of their own', async () => {
    const store = stores[where];
    await store.write({ ...ref, key: 'second' }, 'two');
    expect(await store.read(ref)).toBe('another');
    expect(await store.read({ ...ref, key: 'second' })).toBe('two');
    expect(await store.read({ ...ref, key: 'third' })).toBeUndefined();
    expect(await store.read({ ...ref, namespace: 'default' })).toBeUndefined();
  });

  it('take several writers at once', async () => {
    const store = stores[where];
    const keys = ['a', 'b', 'c', 'd'].map((key) => ({ ...ref, name: 'busy', key }));
    await Promise.all(keys.map((key) => store.write(key, key.key)));
    expect(await Promise.all(keys.map((key) => store.read(key)))).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('secrets in postgres', () => {
  const ref = { namespace, name: 'sealed', key: 'text' };

  it('are sealed: neither readable nor movable, and every change is noticed', async () => {
    await stores.postgres.write(ref, 'plain text');
    const { rows } = await asApi.query<{ sealed: Buffer; nonce: Buffer }>({
      text: `select sealed, nonce from platform.secrets where name = 'sealed'`,
    });
    expect(rows[0]!.sealed.includes('plain')).toBe(false);
    await asApi.query({
      text: `insert into platform.secrets (namespace, name, key, sealed_by, nonce, sealed)
             select namespace, 'moved', key, sealed_by, nonce, sealed from platform.secrets where name = 'sealed'`,
    });
    await expect(stores.postgres.read({ ...ref, name: 'moved' })).rejects.toThrow();
    await asApi.query({
      text: `update platform.secrets set sealed = set_byte(sealed, 0, get_byte(sealed, 0) # 1) where name = 'sealed'`,
    });
    await expect(stores.postgres.read(ref)).rejects.toThrow();
  });

  it('open under an earlier key, and are sealed anew under the first', async () => {
    const next = randomBytes(32);
    const opened = (...keys: [Buffer, ...Buffer[]]) =>
      openPostgresSecrets({ pool: asApi, keys, randomBytes });
    const old = { ...ref, name: 'old' };
    await stores.postgres.write(old, 'kept');
    await expect(opened(next).read(old)).rejects.toThrow('cannot be opened');
    const both = opened(next, sealingKey);
    expect(await both.read(old)).toBe('kept');
    await both.write(old, 'kept');
    expect(await opened(next).read(old)).toBe('kept');
  });
});

describe('secrets in kubernetes', () => {
  it('are labelled and go with their owner', async () => {
    const owner = {
      ...{ apiVersion: 'velocity.sh/v1', kind: 'ApiKey', spec: { actor: 'a', actorType: 'user' } },
      metadata: { name: 'owner', namespace, uid: 'c0ffee00-0000-4000-8000-000000000000' },
    } as Resource;
    await stores.kubernetes.write({ namespace, name: 'owned', key: 'k' }, 'x', owner);
    const text = await kubectl(kubeconfig, [
      ...['get', 'secret', 'owned', '-n', namespace, '-o', 'json'],
    ]);
    expect(JSON.parse(text)).toMatchObject({
      metadata: {
        labels: { 'app.kubernetes.io/managed-by': 'velocity' },
        ownerReferences: [{ kind: 'ApiKey', name: 'owner', uid: owner.metadata.uid }],
      },
    });
  });

  it('leave alone what somebody else made', async () => {
    const theirs = { namespace, name: 'theirs', key: 'password' };
    const make = ['create', 'secret', 'generic', 'theirs', '-n', namespace];
    await kubectl(kubeconfig, [...make, '--from-literal=password=p']);
    await expect(stores.kubernetes.write(theirs, 'q')).rejects.toMatchObject({
      code: 'REFERENCE_CONFLICT',
    });
    expect(await stores.kubernetes.read(theirs)).toBe('p');
  });
});
