import { readFile, writeFile } from 'node:fs/promises';
import { kinds } from '../../src/contract/kinds.ts';
import type { KubernetesClient } from '../../src/resources/kubernetes/client.ts';
import { eachBounded } from '../../src/resources/kubernetes/each-bounded.ts';
import { listObjects } from '../../src/resources/kubernetes/list-objects.ts';
import { objectPath } from '../../src/resources/kubernetes/resource-object.ts';
import type { FaultProxy } from './fault-proxy.ts';
import { openFaultProxy } from './fault-proxy.ts';

/** The same cluster and user by way of a proxy that can be made to fail. */
export async function throughProxy(
  kubeconfig: string,
): Promise<{ readonly kubeconfig: string; readonly proxy: FaultProxy }> {
  const text = await readFile(kubeconfig, 'utf8');
  const { clusters } = JSON.parse(text) as { clusters: { cluster: { server: string } }[] };
  const server = new URL(clusters[0]!.cluster.server);
  const proxy = await openFaultProxy({ host: server.hostname, port: Number(server.port) });
  const file = `${kubeconfig}.${proxy.port}`;
  await writeFile(file, text.replace(server.origin, `https://${server.hostname}:${proxy.port}`));
  return { kubeconfig: file, proxy };
}

/** Every resource gone, whatever holds it. */
export async function removeResources(client: KubernetesClient): Promise<void> {
  for (const { kind } of kinds) {
    const { items } = await listObjects(client, { kind });
    await eachBounded(items, 8, async ({ metadata }) => {
      const path = objectPath({ kind, namespace: metadata.namespace, name: metadata.name });
      const contentType = 'application/merge-patch+json';
      const body = { metadata: { finalizers: null } };
      await client.find({ method: 'PATCH', path, contentType, body });
      await client.find({ method: 'DELETE', path });
    });
  }
}
