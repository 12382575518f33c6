import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { provisionApiKey } from '../../src/activities/access-activities.ts';
import { provisionAuthStrategy } from '../../src/activities/auth-strategy-activities.ts';
import type { ActivityDeps } from '../../src/activities/deps.ts';
import { buildApp } from '../../src/api/app.ts';
import { hashApiKey } from '../../src/auth/api-key.ts';
import type { ApiKey } from '../../src/contract/kinds.ts';
import type { KubernetesClient } from '../../src/resources/kubernetes/client.ts';
import { createKubernetesClient } from '../../src/resources/kubernetes/client.ts';
import { openKubernetesSecrets } from '../../src/resources/secrets/kubernetes-secrets.ts';
import { openPostgresSecrets } from '../../src/resources/secrets/postgres-secrets.ts';
import type { SecretStore } from '../../src/resources/secrets/secret-store.ts';
import { kubectl, sharedKubernetes } from '../support/kubernetes.ts';
import { manifest } from '../support/manifests.ts';
import { provision } from '../support/provision.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';

let api: TestApi;
let admin: string;
let reader: string;
let client: KubernetesClient;
let kubeconfig: string;
let inPostgres: SecretStore;
let inCluster: SecretStore;

beforeAll(async () => {
  api = await openTestApi();
  admin = await api.keyFor('root', ['sales-admin']);
  reader = await api.keyFor('ann', ['reader']);
  ({ kubeconfig } = await sharedKubernetes());
  client = await createKubernetesClient({ kubeconfig, namespace: undefined });
  await kubectl(kubeconfig, ['create', 'namespace', api.tenant.namespace]);
  const keys = [randomBytes(32)] as const;
  inPostgres = openPostgresSecrets({ pool: api.deps.pool, keys, randomBytes });
  inCluster = openKubernetesSecrets(client);
});

afterAll(async () => {
  await client?.close();
  await api?.close();
});

describe('a client secret', () => {
  const path = () => `/api/platform/secrets/${api.tenant.namespace}/idp/client-secret`;

  it('is written by administrators of the domain, and by nobody else', async () => {
    const app = appWith(inPostgres);
    const put = (key: string, url = path(), payload: object = { value: 'geheim' }) =>
      app.inject({ method: 'PUT', url, payload, headers: { authorization: `Bearer ${key}` } });
    expect((await put(reader)).statusCode).toBe(403);
    const elsewhere = '/api/platform/secrets/other-shop-sales/idp/client-secret';
    expect((await put(admin, elsewhere)).statusCode).toBe(404);
    expect((await put(admin, path(), { value: '', more: 1 })).json()).toMatchObject({
      code: 'VALIDATION_ERROR',
      details: { problems: [{ pointer: '/more' }, { pointer: '/value' }] },
    });
    const ref = { namespace: api.tenant.namespace, name: 'idp', key: 'client-secret' };
    expect(await inPostgres.read(ref)).toBeUndefined();
    const written = await put(admin);
    expect([written.statusCode, written.body]).toEqual([204, '']);
    expect(await inPostgres.read(ref)).toBe('geheim');
    const read = { url: path(), headers: { authorization: `Bearer ${admin}` } };
    expect((await app.inject(read)).statusCode).toBe(405);
    await app.close();
  });

  it('is refused where there is no key to seal it with', async () => {
    const answer = await api.call(admin, {
      ...{ method: 'PUT', url: path(), payload: { value: 'geheim' } },
    });
    expect(answer.json()).toMatchObject({
      code: 'BAD_REQUEST',
      hint: expect.stringContaining('VELOCITY_SECRET_KEY'),
    });
  });

  it.each(['postgres', 'kubernetes'] as const)(
    'is waited for by the strategy that refers to it, in %s',
    async (where) => {
      const secrets = where === 'postgres' ? inPostgres : inCluster;
      const { namespace } = api.tenant;
      const name = `sign-in-${where}`;
      const oidc = {
        ...{ issuer: 'https://id.example.com', clientId: 'velocity' },
        clientSecretRef: { name, key: 'secret' },
        redirectUri: 'https://velocity.example.com/auth/callback',
      };
      const activities = activitiesWith(secrets);
      const spec = { type: 'oidc', config: { oidc } };
      await activities.store.apply([manifest('AuthStrategy', name, namespace, spec)]);
      const ref = { kind: 'AuthStrategy', namespace, name };
      expect(await provisionAuthStrategy(activities, ref)).toMatchObject({
        ...{ phase: 'Pending', reason: 'SecretMissing' },
        message: expect.stringContaining(`velocity secret set ${name} --key secret`),
      });
      await secrets.write({ namespace, name, key: 'secret' }, 'geheim');
      expect(await provisionAuthStrategy(activities, ref)).toMatchObject({ phase: 'Ready' });
    },
  );
});

describe('the text of an API key', () => {
  it('is kept in a Secret of the cluster as soon as the key is declared', async () => {
    const secrets = inCluster;
    const key = await declare('loader', secrets);
    expect(await provisionApiKey(activitiesWith(secrets), key)).toMatchObject({ phase: 'Ready' });
    const text = await keptText('loader');
    expect(text).toMatch(/^vel_live_/);
    await api.deps.registry.refresh();
    const seen = await api.call(text, { url: '/api' });
    expect(seen.statusCode).toBe(200);
    const found = (await api.deps.resources.find(key)) as ApiKey;
    expect(found.status).toMatchObject({ secretRef: { name: 'loader', key: 'api-key' } });
    expect(found.status?.keyHash).toMatch(/^[0-9a-f]{64}$/);

    // Whoever looks again finds the same key.
    await provisionApiKey(activitiesWith(secrets), key);
    expect(await keptText('loader')).toBe(text);
  });

  it('is shown by the API that makes it and kept all the same', async () => {
    const app = appWith(inCluster);
    const { namespace } = api.tenant;
    const create = () =>
      app.inject({
        ...{ method: 'POST', url: '/api/platform/api-keys' },
        payload: { name: 'shown', namespace, actor: 'shown', actorType: 'service' },
        headers: { authorization: `Bearer ${admin}` },
      });
    const created = await create();
    expect(created.statusCode, created.body).toBe(201);
    expect(await keptText('shown')).toBe((created.json() as { data: { key: string } }).data.key);
    expect((await create()).json()).toMatchObject({
      code: 'UNIQUE_CONSTRAINT_VIOLATION',
      hint: expect.stringContaining('Secret shown'),
    });
    await app.close();
  });

  it('follows a rotation, and the one before counts beside it', async () => {
    const key = await declare('turned', inCluster);
    await provisionApiKey(activitiesWith(inCluster), key);
    const before = await keptText('turned');
    const app = appWith(inCluster);
    const rotate = (once: string) =>
      app.inject({
        ...{ method: 'POST', url: `/api/platform/api-keys/${key.namespace}/turned/rotate` },
        headers: { authorization: `Bearer ${admin}`, 'idempotency-key': once },
      });
    const rotated = await rotate('one');
    expect(rotated.statusCode, rotated.body).toBe(201);
    const after = await keptText('turned');
    expect((rotated.json() as { data: { key: string } }).data.key).toBe(after);
    for (const text of [before, after]) {
      expect((await api.call(text, { url: '/api' })).statusCode).toBe(200);
    }
    const { status } = (await api.deps.resources.find(key)) as ApiKey;
    expect(status?.keyHash).toBe(hashApiKey(after).toString('hex'));

    // The process ended before the Secret was written: the same request puts a text there that counts.
    await inCluster.write({ namespace: key.namespace, name: 'turned', key: 'api-key' }, before);
    expect((await rotate('one')).statusCode).toBe(200);
    const mended = await keptText('turned');
    expect([before, after]).not.toContain(mended);
    expect((await api.call(mended, { url: '/api' })).statusCode).toBe(200);
    expect((await rotate('one')).statusCode).toBe(200);
    expect(await keptText('turned')).toBe(mended);
    await app.close();
  });

  it('is shown with what was in the way when a rotation cannot keep it', async () => {
    const key = await declare('blocked', inCluster);
    await provisionApiKey(activitiesWith(inCluster), key);
    const label = ['label', 'secret', 'blocked', '-n', key.namespace];
    await kubectl(kubeconfig, [...label, 'app.kubernetes.io/managed-by-']);
    const app = appWith(inCluster);
    const answer = await app.inject({
      ...{ method: 'POST', url: `/api/platform/api-keys/${key.namespace}/blocked/rotate` },
      headers: { authorization: `Bearer ${admin}` },
    });
    expect(answer.json()).toMatchObject({
      data: { key: expect.stringMatching(/^vel_/) },
      warnings: [expect.stringContaining("is not Velocity's")],
    });
    const { key: text } = (answer.json() as { data: { key: string } }).data;
    expect((await api.call(text, { url: '/api' })).statusCode).toBe(200);
    await app.close();
  });

  it('is one, whoever issues the key first', async () => {
    const key = await declare('raced', inCluster);
    const activities = activitiesWith(inCluster);
    await Promise.all([1, 2, 3, 4].map(() => provisionApiKey(activities, key)));
    await api.deps.registry.refresh();
    expect((await api.call(await keptText('raced'), { url: '/api' })).statusCode).toBe(200);
  });

  it('is not written over what somebody else keeps there, and no key is issued', async () => {
    const { namespace } = api.tenant;
    const make = ['create', 'secret', 'generic', 'taken', '-n', namespace];
    await kubectl(kubeconfig, [...make, '--from-literal=password=p']);
    const key = await declare('taken', inCluster);
    expect(await provisionApiKey(activitiesWith(inCluster), key)).toMatchObject({
      ...{ phase: 'Pending', reason: 'SecretNotWritten' },
      message: expect.stringContaining("is not Velocity's"),
    });
    const { rows } = await api.operator.query({
      text: `select from platform.api_keys where name = 'taken'`,
    });
    expect(rows).toEqual([]);
  });

  it('exists nowhere without a cluster', async () => {
    const key = await declare('nowhere', inPostgres);
    expect(await provisionApiKey(activitiesWith(inPostgres), key)).toMatchObject({
      ...{ phase: 'Pending', reason: 'NotIssued' },
    });
    const { rows } = await api.operator.query({
      text: `select from platform.secrets where name = 'nowhere'`,
    });
    expect(rows).toEqual([]);
  });
});

function appWith(secrets: SecretStore): FastifyInstance {
  return buildApp({ ...api.deps, secrets });
}

function activitiesWith(secrets: SecretStore): ActivityDeps {
  return { ...api.activities, secrets };
}

async function declare(name: string, secrets: SecretStore) {
  const { namespace } = api.tenant;
  const wanted = manifest('ApiKey', name, namespace, { actor: name, actorType: 'service' });
  const [applied] = await activitiesWith(secrets).store.apply([wanted]);
  await provision(activitiesWith(secrets), applied!.resource);
  return { kind: 'ApiKey', namespace, name } as const;
}

function keptText(name: string): Promise<string> {
  const { namespace } = api.tenant;
  const path = 'go-template={{index .data "api-key" | base64decode}}';
  return kubectl(kubeconfig, ['get', 'secret', name, '-n', namespace, '-o', path]);
}
