import type { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findFreePort } from '../../../src/process/dev/ports.ts';
import type { KubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import { createKubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import type { OwnKubernetes } from '../../support/kubernetes.ts';
import { startKubernetes } from '../../support/kubernetes.ts';
import { testTenant } from '../../support/manifests.ts';
import { until } from '../../support/until.ts';
import type { RunningWebhook } from './webhook-harness.ts';
import {
  createNamespaces,
  installWebhook,
  startWebhook,
  systemNamespace,
} from './webhook-harness.ts';

/** A year in ten seconds: two authorities and several certificates within the test. */
const lifetimes = { authorityMs: 10_000, servingMs: 5_000, backdateMs: 0, settleMs: 1_000 };
const watchedMs = 16_000;
/** As late as an API server may hear of a changed configuration. */
const staleMs = 600;
const configurationPath =
  '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/velocity';
const tenant = testTenant('acme');

let cluster: OwnKubernetes;
let client: KubernetesClient;
let ports: number[];
let replicas: RunningWebhook[] = [];

beforeAll(async () => {
  cluster = await startKubernetes();
  ports = [await findFreePort(), await findFreePort()];
  const { kubeconfig } = cluster;
  client = await createKubernetesClient({ kubeconfig, namespace: systemNamespace });
  await createNamespaces(kubeconfig, ['acme', tenant.namespace]);
  await installWebhook(kubeconfig, ports[0]!);
  replicas = await Promise.all(
    ports.map((port) => startWebhook({ kubeconfig, port, lifetimes, intervalMs: 200 })),
  );
});

afterAll(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()));
  await client?.close();
  await cluster?.stop();
});

describe('certificates that end', () => {
  it('are replaced without a refused request, by replicas that agree', async () => {
    await until(async () => (await write(0)) === 'written', 15_000);
    const authorities = new Set<string>();
    const served = new Set<string>();
    const failures: string[] = [];
    const bundles: { readonly at: number; readonly bundle: string }[] = [];
    const end = performance.now() + watchedMs;

    const asking = (async () => {
      for (let i = 1; performance.now() < end; i += 1) {
        const said = await write(i);
        if (said !== 'written') failures.push(said);
        await sleep(50);
      }
    })();
    const greeting = (async () => {
      while (performance.now() < end) {
        const bundle = await readBundle();
        bundles.push({ at: performance.now(), bundle });
        const late = bundles.findLast(({ at }) => performance.now() - at >= staleMs);
        await sleep(50);
        if (late === undefined) continue;
        for (const port of ports) {
          const met = await greet(port, late.bundle).catch((error: Error) => {
            failures.push(`port ${port}: ${error.message}`);
          });
          if (met === undefined) continue;
          served.add(met.fingerprint256);
          authorities.add(met.issuer);
        }
      }
    })();
    await Promise.all([asking, greeting]);
    expect(failures).toEqual([]);
    expect(authorities.size).toBeGreaterThanOrEqual(2);
    expect(served.size).toBeGreaterThan(authorities.size);
    // Of two that look at the same moment one renews: a certificate is made once, not once each.
    const renewals = replicas.flatMap(({ seen }) =>
      seen.filter(({ type }) => type === 'certificates.renewed'),
    );
    expect(renewals.length).toBeLessThan(2 * served.size + 2 * authorities.size);
    const problems = replicas.flatMap(({ seen }) =>
      seen.filter(({ type }) => type === 'certificates.failed'),
    );
    expect(problems).toEqual([]);
  });

  it('come back after somebody took the trust away', async () => {
    const found = await client.request<{ webhooks: { clientConfig: { caBundle?: string } }[] }>({
      ...{ method: 'GET', path: configurationPath },
    });
    for (const { clientConfig } of found.webhooks) delete clientConfig.caBundle;
    await client.request({ method: 'PUT', path: configurationPath, body: found });
    await until(async () => (await readBundle()) !== '', 5_000);
    await until(async () => (await write(-1)) === 'written', 15_000);
  });
});

/** One change that both webhooks are asked about. */
async function write(i: number): Promise<string> {
  const body = { ...tenant.schema('busy', { spec: { description: `Change ${i}.` } }) };
  const path = `/apis/velocity.sh/v1/namespaces/${tenant.namespace}/schemadefinitions/busy`;
  const query = { fieldManager: 'test', force: true };
  const contentType = 'application/apply-patch+yaml';
  return client
    .request({ method: 'PATCH', path, query, contentType, body })
    .then(() => 'written')
    .catch((error: Error) => error.message);
}

async function readBundle(): Promise<string> {
  const { webhooks } = await client.request<{
    webhooks: { clientConfig: { caBundle?: string } }[];
  }>({ method: 'GET', path: configurationPath });
  return Buffer.from(webhooks[0]!.clientConfig.caBundle ?? '', 'base64').toString('utf8');
}

/** The certificate that a client with this trust is shown; throws when it does not believe it. */
async function greet(port: number, ca: string): Promise<X509Certificate> {
  const socket = connect({ port, host: '127.0.0.1', ca });
  try {
    await once(socket, 'secureConnect');
    return socket.getPeerX509Certificate()!;
  } finally {
    socket.destroy();
  }
}
