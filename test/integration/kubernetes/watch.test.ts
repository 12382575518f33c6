import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import { createKubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import { KubernetesError } from '../../../src/resources/kubernetes/kubernetes-error.ts';
import {
  openKubernetesStore,
  watchTimingDefault,
} from '../../../src/resources/kubernetes/kubernetes-store.ts';
import type { WatchTiming } from '../../../src/resources/kubernetes/watch-kind.ts';
import type { ResourceKey, ResourceStore } from '../../../src/resources/store.ts';
import type { FaultProxy } from '../../support/fault-proxy.ts';
import type { OwnKubernetes } from '../../support/kubernetes.ts';
import { kubectl, startKubernetes } from '../../support/kubernetes.ts';
import { removeResources, throughProxy } from '../../support/kubernetes-access.ts';
import { until } from '../../support/until.ts';
import {
  application,
  domain,
  organisation,
  schema,
} from '../../unit/resources/admission/manifests.ts';

let kubernetes: OwnKubernetes;
let proxy: FaultProxy;
let proxied: string;
let admin: KubernetesClient;
/** Writes past the proxy, so that only the watch suffers. */
let store: ResourceStore;
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  kubernetes = await startKubernetes();
  ({ kubeconfig: proxied, proxy } = await throughProxy(kubernetes.kubeconfig));
  admin = await createKubernetesClient({ ...kubernetes, namespace: undefined });
  store = openKubernetesStore({ client: admin, holder: 'admin', findVersions: async () => [] });
});

afterAll(async () => {
  await admin?.close();
  await proxy?.close();
  await kubernetes?.stop();
});

beforeEach(async () => {
  await store.apply([
    organisation('acme'),
    application('acme', 'shop'),
    domain('acme', 'shop', 'orders'),
  ]);
});

afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
  await removeResources(admin);
});

/** Far below the seconds that a try of a connection takes. */
const atOnceMs = 500;

interface Watched {
  readonly store: ResourceStore;
  /** Keys as they came, kind left out. */
  readonly seen: string[];
  readonly causes: unknown[];
  syncs(): number;
}

async function watch(
  timing: Partial<WatchTiming> = {},
  onKey: (key: ResourceKey) => void = () => undefined,
): Promise<Watched> {
  const client = await createKubernetesClient({ kubeconfig: proxied, namespace: undefined });
  const watching = openKubernetesStore({
    ...{ client, holder: 'watcher', findVersions: async () => [] },
    watchTiming: { ...watchTimingDefault, ...timing },
    servesStale: true,
  });
  const seen: string[] = [];
  const causes: unknown[] = [];
  let syncs = 0;
  const stop = new AbortController();
  const done = watching.watch(
    {
      onKey: (key) => {
        onKey(key);
        seen.push(key.name);
      },
      onDisconnect: (cause) => causes.push(cause),
      onSync: () => (syncs += 1),
    },
    stop.signal,
  );
  ends.push(async () => {
    stop.abort();
    await done;
    await client.close();
  });
  await until(async () => syncs > 0, 20_000);
  seen.length = 0;
  return { store: watching, seen, causes, syncs: () => syncs };
}

const key = (name: string): ResourceKey => ({
  kind: 'SchemaDefinition',
  namespace: 'acme-shop-orders',
  name,
});

async function remove(name: string): Promise<void> {
  await store.delete(key(name));
  await store.removeFinalizer(key(name), 'velocity.sh/provisioned');
}

describe('watch of a cluster', () => {
  it('hears of what was made and removed while the API server was killed', async () => {
    await store.apply([schema('goes')]);
    const watched = await watch();
    await kubernetes.killApiServer();
    await until(async () => watched.causes.length > 0, 20_000);
    await kubernetes.startApiServer();
    await remove('goes');
    await store.apply([schema('comes')]);
    await until(async () => ['goes', 'comes'].every((name) => watched.seen.includes(name)), 30_000);
  });

  it('lists anew when what it had seen last was forgotten', async () => {
    await store.apply([schema('goes')]);
    const watched = await watch();
    // Cut off from everything while the world moves on and forgets how it came there.
    proxy.hold('down');
    await remove('goes');
    await store.apply([schema('comes')]);
    await kubernetes.killApiServer();
    await kubernetes.compactEtcd();
    await kubernetes.startApiServer();
    proxy.cut();
    await until(async () => ['goes', 'comes'].every((name) => watched.seen.includes(name)), 30_000);
    const expired = watched.causes.filter((cause) => {
      return cause instanceof KubernetesError && cause.isExpired;
    });
    expect(expired.length).toBeGreaterThan(0);
  });

  it('notices a connection that has fallen silent', async () => {
    const watched = await watch({ rotateSeconds: 2, silenceMs: 4_000 });
    const synced = watched.syncs();
    proxy.strand();
    await store.apply([schema('unheard')]);
    const tookMs = await until(async () => watched.seen.includes('unheard'), 30_000);
    expect(tookMs).toBeLessThan(15_000);
    await until(async () => watched.syncs() > synced, 20_000);
  });

  it('answers reads at once while its server cannot be reached, and live again after', async () => {
    await store.apply([schema('known')]);
    const { store: watching } = await watch({ rotateSeconds: 2, silenceMs: 4_000 });
    const found = () => watching.find(key('known'));
    // As behind a network that drops packets: connections are taken and nothing comes back.
    proxy.hold('down');
    const tookMs = async () => {
      const startedAt = performance.now();
      expect(await found()).toMatchObject({ metadata: { name: 'known' } });
      return performance.now() - startedAt;
    };
    // Until the watch has noticed a read may wait for its own connection.
    await until(async () => (await tookMs()) < atOnceMs, 30_000);
    for (let i = 0; i < 3; i++) expect(await tookMs()).toBeLessThan(atOnceMs);
    const startedAt = performance.now();
    const listed = await watching.list({ namespace: 'acme-shop-orders' });
    expect(performance.now() - startedAt).toBeLessThan(atOnceMs);
    expect(listed.map(({ metadata }) => metadata.name)).toEqual(['orders', 'known']);
    // What decides over a write is not taken from memory.
    const live = watching.list({ kind: 'Domain', live: true });
    await expect(live).rejects.toMatchObject({ code: 'KUBERNETES_UNAVAILABLE' });

    await store.apply([schema('known', { description: 'changed meanwhile' })]);
    proxy.cut();
    await until(async () => {
      const now = await found();
      return JSON.stringify(now?.spec).includes('changed meanwhile');
    }, 30_000);
  });

  it('hands over again what a handler failed on', async () => {
    let failures = 0;
    const watched = await watch({}, ({ name }) => {
      if (name !== 'hard' || failures > 0) return;
      failures += 1;
      throw new Error('a bug of ours');
    });
    await store.apply([schema('hard')]);
    await until(async () => watched.seen.includes('hard'), 20_000);
    expect(failures).toBe(1);
  });

  it('goes on with other kinds while one of them is unknown to the cluster', async () => {
    const words: ResourceKey = { kind: 'SynonymSet', namespace: 'acme-shop-orders', name: 'words' };
    expect(await store.find(words)).toBeUndefined();
    const crd = 'crd/synonymsets.velocity.sh';
    const definition = await kubectl(kubernetes.kubeconfig, ['get', crd, '--output=json']);
    const watched = await watch({ rotateSeconds: 1 });
    await kubectl(kubernetes.kubeconfig, ['delete', crd]);
    await until(async () => watched.causes.length > 0, 20_000);
    await store.apply([schema('meanwhile')]);
    await until(async () => watched.seen.includes('meanwhile'), 20_000);
    // Not to be mistaken for a resource that is not there.
    await expect(store.find(words)).rejects.toMatchObject({ code: 'KUBERNETES_UNAVAILABLE' });

    const synced = watched.syncs();
    const { spec, metadata } = JSON.parse(definition) as {
      spec: unknown;
      metadata: { name: string };
    };
    const again = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', spec };
    const input = JSON.stringify({ ...again, metadata: { name: metadata.name } });
    await kubectl(kubernetes.kubeconfig, ['create', '--filename=-'], { input });
    await until(async () => watched.syncs() > synced, 30_000);
  });

  it('goes on without a gap when its streams are ended in time', async () => {
    const watched = await watch({ rotateSeconds: 1 });
    const names = Array.from({ length: 20 }, (_, i) => `thing-${i}`);
    for (const name of names) {
      await store.apply([schema(name)]);
      await sleep(100);
    }
    await until(async () => names.every((name) => watched.seen.includes(name)), 20_000);
    expect(watched.causes).toEqual([]);
  });
});
