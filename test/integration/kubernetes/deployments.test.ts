import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { keepApiDeployments } from '../../../src/activities/keep-api-deployments.ts';
import type { KubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import { createKubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import { openKubernetesStore } from '../../../src/resources/kubernetes/kubernetes-store.ts';
import type { ResourceStore } from '../../../src/resources/store.ts';
import type { ControlPlane } from '../../support/control-plane.ts';
import { startControlPlane } from '../../support/control-plane.ts';
import type { OwnKubernetes } from '../../support/kubernetes.ts';
import { kubectl, startKubernetes } from '../../support/kubernetes.ts';
import { manifest } from '../../support/manifests.ts';
import { uniqueName } from '../../support/postgres.ts';
import { until } from '../../support/until.ts';
import { apply, createNamespaces, systemNamespace } from './webhook-harness.ts';

const organisation = uniqueName('deploys');
const shipped = new URL('../../../deploy/kubernetes/api.yaml', import.meta.url);

let cluster: OwnKubernetes;
let client: KubernetesClient;
let store: ResourceStore;
let plane: ControlPlane | undefined;

beforeAll(async () => {
  cluster = await startKubernetes();
  const { kubeconfig } = cluster;
  client = await createKubernetesClient({ kubeconfig, namespace: systemNamespace });
  store = openKubernetesStore({ client, holder: 'test', findVersions: async () => [] });
  await createNamespaces(kubeconfig, [systemNamespace]);
});

afterAll(async () => {
  await plane?.stop();
  await client?.close();
  await cluster?.stop();
});

describe('API deployments in a cluster', () => {
  it('are none as long as there is nothing to make them like', async () => {
    await store.apply([
      manifest('Organisation', organisation, organisation, { displayName: 'Acme' }),
      application({ scope: 'app', minReplicas: 2, maxReplicas: 4 }),
      domain('sales'),
      domain('stock'),
    ]);
    expect(await keep()).toEqual({ applied: 0, removed: 0 });
  });

  it('are made, and made again without a change', async () => {
    const templates = parseAllDocuments(readFileSync(shipped, 'utf8')).map((one) => one.toJS());
    await apply(cluster.kubeconfig, templates);
    expect(await keep()).toEqual({ applied: 3, removed: 0 });
    const [name] = await served('deployment');
    const before = await get('deployment', name!, '{.metadata.resourceVersion}');
    expect(await get('hpa', name!, '{.spec.minReplicas}-{.spec.maxReplicas}')).toBe('2-4');
    expect(await get('service', name!, '{.spec.ports[0].targetPort}')).toBe('http');
    expect(await serves()).toEqual([`${organisation}/shop`]);
    await keep();
    expect(await get('deployment', name!, '{.metadata.resourceVersion}')).toBe(before);
  });

  it('leave the number of replicas to the autoscaler', async () => {
    const [name] = await served('deployment');
    await kube(['scale', 'deployment', name!, '--replicas=3']);
    await keep();
    expect(await get('deployment', name!, '{.spec.replicas}')).toBe('3');
  });

  it('follow the Deployment that they are made like', async () => {
    await kube(['set', 'image', 'deployment/velocity-api', 'velocity=velocity:2']);
    await keep();
    const [name] = await served('deployment');
    expect(await get('deployment', name!, '{.spec.template.spec.containers[0].image}')).toBe(
      'velocity:2',
    );
  });

  it('change with their scope, and leave everything else alone', async () => {
    const { kubeconfig } = cluster;
    await kubectl(kubeconfig, [
      'create',
      'deployment',
      'theirs',
      '--image=x',
      '-n',
      systemNamespace,
    ]);
    await store.apply([application({ scope: 'domain', maxReplicas: 2 })]);
    expect(await keep()).toEqual({ applied: 6, removed: 3 });
    expect(await serves()).toEqual([`${organisation}/shop/sales`, `${organisation}/shop/stock`]);
    await store.apply([application()]);
    expect(await keep()).toEqual({ applied: 0, removed: 6 });
    expect(await kube(['get', 'deployments', '-o', 'name'])).toBe(
      'deployment.apps/theirs\ndeployment.apps/velocity-api\n',
    );
  });

  it('come with the reconcile of an application, and go with it', async () => {
    plane = await startControlPlane({ kubernetes: { kubeconfig: cluster.kubeconfig, client } });
    await plane.startOperator();
    await plane.startWorker();
    const key = { kind: 'Application', namespace: organisation, name: 'shop' } as const;
    await store.apply([application({ scope: 'app' })]);
    await until(async () => (await serves()).length === 1, 30_000);
    await store.delete({ kind: 'Domain', namespace: `${organisation}-shop-sales`, name: 'sales' });
    await store.delete({ kind: 'Domain', namespace: `${organisation}-shop-stock`, name: 'stock' });
    await store.delete(key);
    await plane.until(key, (resource) => resource === undefined);
    await until(async () => (await serves()).length === 0, 30_000);
  });
});

function keep() {
  return keepApiDeployments({ store, cluster: client });
}

function application(deployment?: object): object {
  const spec = { org: organisation, displayName: 'Shop', ...(deployment && { deployment }) };
  return manifest('Application', 'shop', organisation, spec);
}

function domain(name: string): object {
  const access = { defaultRole: 'reader', adminRole: 'admin' };
  const spec = { app: 'shop', displayName: name, access };
  return manifest('Domain', name, `${organisation}-shop-${name}`, spec);
}

async function serves(): Promise<string[]> {
  const names = await served('deployment');
  const path = '{.spec.template.spec.containers[0].env[?(@.name=="VELOCITY_SERVE")].value}';
  return (await Promise.all(names.map((name) => get('deployment', name, path)))).sort();
}

/** Names of what was generated. */
async function served(kind: string): Promise<string[]> {
  const label = 'app.kubernetes.io/component=application-api';
  const names = await kube(['get', kind, '-l', label, '-o', 'jsonpath={.items[*].metadata.name}']);
  return names.split(' ').filter((name) => name !== '');
}

function get(kind: string, name: string, path: string): Promise<string> {
  return kube(['get', kind, name, '-o', `jsonpath=${path}`]);
}

function kube(args: readonly string[]): Promise<string> {
  return kubectl(cluster.kubeconfig, [...args, '-n', systemNamespace]);
}
