import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { ensureBootstrapKey } from '../../../src/auth/bootstrap-key.ts';
import type { SchemaDefinition } from '../../../src/contract/kinds.ts';
import { findFreePort } from '../../../src/process/dev/ports.ts';
import type { KubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import { createKubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import { isReady } from '../../../src/resources/status.ts';
import type { ControlPlane, ControlProcess } from '../../support/control-plane.ts';
import { startControlPlane } from '../../support/control-plane.ts';
import type { OwnKubernetes } from '../../support/kubernetes.ts';
import { kubectl, startKubernetes } from '../../support/kubernetes.ts';
import { manifest, testTenant } from '../../support/manifests.ts';
import { until } from '../../support/until.ts';
import type { ApiProcess } from '../api/api-process.ts';
import { spawnApi } from '../api/api-process.ts';
import {
  apply,
  createNamespaces,
  installWebhook,
  refusal,
  systemNamespace,
} from './webhook-harness.ts';

/*
 * The three processes with the rights of deploy/kubernetes/access.yaml and no others, the webhook in
 * between, people who come with kubectl and people who come through the API.
 */

const deploy = fileURLToPath(new URL('../../../deploy/kubernetes', import.meta.url));
const samples = fileURLToPath(new URL('../../../samples/procurement', import.meta.url));
const procurement = 'acme-supply-procurement';
const tenant = testTenant('nova');

let folder: string;
let cluster: OwnKubernetes;
let client: KubernetesClient;
let plane: ControlPlane;
let api: ApiProcess;
let bootstrapKey: string;
let metricsPorts: Record<'operator' | 'worker', number>;
let processes: Record<string, Pick<ControlProcess, 'log'>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'velocity-deployed-'));
  cluster = await startKubernetes();
  const { kubeconfig } = cluster;
  client = await createKubernetesClient({ kubeconfig, namespace: systemNamespace });
  const port = await findFreePort();
  await createNamespaces(kubeconfig, ['acme', procurement, systemNamespace]);
  await installWebhook(kubeconfig, port);
  await kube(['apply', '-f', `${deploy}/access.yaml`, '-f', `${deploy}/api.yaml`]);
  const [dev, ben] = ['--user=dev', '--user=ben'];
  for (const [role, people] of [
    ['velocity-view', [dev, ben]],
    ['velocity-edit', [dev, ben]],
    ['velocity-admin', [dev]],
  ] as const) {
    const binding = ['create', 'clusterrolebinding', `people-${role}`];
    await kube([...binding, `--clusterrole=${role}`, ...people]);
  }

  plane = await startControlPlane({ kubernetes: { kubeconfig, client } });
  const as = async (account: string) => ({
    VELOCITY_KUBECONFIG: await kubeconfigOf(account),
    VELOCITY_KUBERNETES_NAMESPACE: systemNamespace,
  });
  const webhook = { VELOCITY_WEBHOOK_PORT: String(port), VELOCITY_WEBHOOK_HOSTS: '127.0.0.1' };
  metricsPorts = { operator: await findFreePort(), worker: await findFreePort() };
  const operator = await plane.startOperator({
    ...(await as('velocity-operator')),
    ...webhook,
    VELOCITY_METRICS_PORT: String(metricsPorts.operator),
  });
  const worker = await plane.startWorker({
    ...(await as('velocity-worker')),
    VELOCITY_METRICS_PORT: String(metricsPorts.worker),
  });
  bootstrapKey = await ensureBootstrapKey(plane.operatorDatabaseUrl, { env: 'test' });
  api = await spawnApi({
    ...plane.environment,
    ...(await as('velocity-api')),
    VELOCITY_DATABASE_URL: plane.apiDatabaseUrl,
  });
  processes = { operator, worker, api };
  await until(async () => {
    const organisation = manifest('Organisation', 'acme', 'acme', { displayName: 'Acme' });
    const said = refusal(apply(kubeconfig, [organisation], ['--dry-run=server']));
    return (await said).startsWith('accepted');
  }, 20_000);
});

afterAll(async () => {
  api?.kill('SIGTERM');
  await api?.exited;
  await plane?.stop();
  await client?.close();
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('Velocity as it is deployed', () => {
  it('brings to work what somebody applies with kubectl', async () => {
    await kube(['apply', '-f', samples, '--as=dev']);
    await kube([
      ...['wait', '--for=condition=Ready', '--timeout=60s', '--all', '-n', procurement],
      'schemadefinitions,rolebindings,authstrategies',
    ]);
    expect(await kube(['get', 'sd', '-n', procurement])).toMatch(/^supplier\s+v1\s+Ready\s+1\s/m);
    const stamp = '{.metadata.annotations.velocity\\.sh/requested-by}';
    expect(await jsonpath('supplier', stamp)).toBe('dev@1');
  });

  it('keeps texts of keys where the domain lets it, and says what is missing before', async () => {
    const [key] = (await kube(['get', 'apikeys', '-n', procurement, '-o', 'name'])).split('\n');
    const state = (path: string) =>
      kube(['get', key!, '-n', procurement, '-o', `jsonpath=${path}`]);
    const message = '{.status.conditions[?(@.type=="Ready")].message}';
    await until(async () => (await state(message)).includes('docs/kubernetes.md'), 20_000);
    const accounts = ['api', 'worker'].map(
      (name) => `--serviceaccount=${systemNamespace}:velocity-${name}`,
    );
    const bind = ['create', 'rolebinding', 'velocity-secrets', '-n', procurement, ...accounts];
    await kube([...bind, '--clusterrole=velocity-domain-secrets']);
    await kube(['label', key!, '-n', procurement, 'look=again']);
    await until(async () => (await state('{.status.phase}')) === 'Ready', 20_000);
    const secret = await state('{.status.secretRef.name}');
    const read = ['get', 'secret', secret, '-n', procurement, '-o'];
    expect(await kube([...read, 'jsonpath={.data.api-key}'])).not.toBe('');
  });

  it('names who came through the API', async () => {
    const { base } = tenant;
    for (const wanted of [...base, tenant.schema('thing')]) await put(wanted);
    const key = { kind: 'SchemaDefinition', namespace: tenant.namespace, name: 'thing' } as const;
    await plane.until(key, (found) => found !== undefined && isReady(found));
    const { metadata } = await client.request<{
      metadata: { annotations: Record<string, string> };
    }>({
      method: 'GET',
      path: `/apis/velocity.sh/v1/namespaces/${tenant.namespace}/schemadefinitions/thing`,
    });
    expect(metadata.annotations['velocity.sh/requested-by']).toMatch(/^(?!system:).+@1$/);
  });

  it('approves by annotation in the name of who set it', async () => {
    const field = JSON.stringify([{ op: 'remove', path: `/spec/fields/${await lastField()}` }]);
    const supplier = ['sd', 'supplier', '-n', procurement];
    await kube(['patch', ...supplier, '--type=json', '-p', field, '--as=dev']);
    await until(
      async () => (await jsonpath('supplier', '{.status.phase}')) === 'AwaitingApproval',
      20_000,
    );
    const hash = await jsonpath('supplier', '{.status.plan.hash}');
    await kube(['annotate', ...supplier, `velocity.sh/approve-breaking=${hash}`, '--as=ben']);
    await kube(['wait', ...supplier, '--for=jsonpath={.status.activeRevision}=2', '--timeout=30s']);
    const { rows } = await plane.pool.query({
      text: `select requested_by, decided_by, decided_how from platform.schema_plans where plan_hash = $1`,
      values: [hash],
    });
    expect(rows).toEqual([{ requested_by: 'dev', decided_by: 'ben', decided_how: 'annotation' }]);
  });

  it('gives an application an API of its own', async () => {
    const patch = JSON.stringify({ spec: { deployment: { scope: 'domain', maxReplicas: 3 } } });
    await kube(['patch', 'vapp', 'supply', '-n', 'acme', '--type=merge', '-p', patch, '--as=dev']);
    const label = 'velocity.sh/application=supply';
    const list = ['get', 'deploy,hpa,svc', '-n', systemNamespace, '-l', label, '-o', 'name'];
    await until(async () => (await kube(list)).trim().split('\n').length === 3, 20_000);
  });

  it('lets go of what is deleted', async () => {
    await kube(['delete', 'sd', 'thing', '-n', tenant.namespace, '--timeout=30s']);
    await kube(['delete', 'dom', 'sales', '-n', tenant.namespace, '--wait=false']);
    await until(async () => {
      const [found] = await plane.store.list({ kind: 'Domain', namespace: tenant.namespace });
      return found?.status?.conditions?.some(({ reason }) => reason === 'HoldsResources') ?? false;
    }, 20_000);
  });

  it('says that it lives where its pods are asked', async () => {
    const urls = {
      api: api.url,
      worker: `http://127.0.0.1:${metricsPorts.worker}`,
      operator: `http://127.0.0.1:${metricsPorts.operator}`,
    };
    for (const [name, url] of Object.entries(urls)) {
      const text = await readFile(`${deploy}/${name}.yaml`, 'utf8');
      const { path, port } = livenessIn(parseAllDocuments(text)[0]?.toJS());
      expect(port, name).toBe(name === 'api' ? 'http' : 'metrics');
      expect((await fetch(new URL(path, url))).status, name).toBe(200);
    }
  });

  it('has never lacked a right', () => {
    for (const [name, { log }] of Object.entries(processes)) {
      expect(log.length, name).toBeGreaterThan(0);
      const denied = log.filter((line) => /forbidden|does not let/i.test(JSON.stringify(line)));
      const expected = denied.filter((line) => !JSON.stringify(line).includes('secrets'));
      expect(expected, name).toEqual([]);
    }
  });
});

/** Of a Deployment's one container. */
function livenessIn(deployment: {
  spec: {
    template: {
      spec: {
        containers: { livenessProbe: { httpGet: { path: string; port: string } } }[];
      };
    };
  };
}) {
  return deployment.spec.template.spec.containers[0]!.livenessProbe.httpGet;
}

/** A field that nothing else names. */
async function lastField(): Promise<number> {
  const found = (await plane.store.find({
    ...{ kind: 'SchemaDefinition', namespace: procurement, name: 'supplier' },
  })) as SchemaDefinition;
  const names = JSON.stringify([found.spec.indexes, found.spec.access, found.spec.validations]);
  const free = found.spec.fields.findLastIndex(
    ({ name, required }) => required !== true && !names.includes(`"${name}"`),
  );
  expect(free).toBeGreaterThan(0);
  return free;
}

async function put(
  wanted: { kind: string; metadata: { namespace: string; name: string } } | object,
) {
  const { kind, metadata } = wanted as {
    kind: string;
    metadata: { namespace: string; name: string };
  };
  const path = `/api/platform/objects/${kind}/${metadata.namespace}/${metadata.name}`;
  const answer = await fetch(new URL(path, api.url), {
    method: 'PUT',
    headers: { authorization: `Bearer ${bootstrapKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ apiVersion: 'velocity.sh/v1', ...wanted }),
  });
  expect(answer.status, await answer.clone().text()).toBeLessThan(300);
}

function jsonpath(schema: string, path: string): Promise<string> {
  return kube(['get', 'sd', schema, '-n', procurement, '-o', `jsonpath=${path}`]);
}

/** As a pod of this account would log in. */
async function kubeconfigOf(account: string): Promise<string> {
  const token = (await kube(['create', 'token', account, '-n', systemNamespace])).trim();
  const config = JSON.parse(await readFile(cluster.kubeconfig, 'utf8')) as {
    users: { user: object }[];
  };
  config.users[0]!.user = { token };
  const file = join(folder, `${account}.kubeconfig`);
  await writeFile(file, JSON.stringify(config));
  return file;
}

function kube(args: readonly string[]): Promise<string> {
  return kubectl(cluster.kubeconfig, args);
}
