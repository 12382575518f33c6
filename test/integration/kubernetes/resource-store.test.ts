import type { KubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import { createKubernetesClient } from '../../../src/resources/kubernetes/client.ts';
import {
  openKubernetesStore,
  watchTimingDefault,
} from '../../../src/resources/kubernetes/kubernetes-store.ts';
import { startKubernetes } from '../../support/kubernetes.ts';
import { removeResources, throughProxy } from '../../support/kubernetes-access.ts';
import { describeStore } from '../store-contract.ts';

describeStore('resource store in Kubernetes', async () => {
  const kubernetes = await startKubernetes();
  const { kubeconfig, proxy } = await throughProxy(kubernetes.kubeconfig);
  const admin = await createKubernetesClient({ ...kubernetes, namespace: undefined });
  const clients: KubernetesClient[] = [admin];
  return {
    open: async ({ resyncMs } = {}) => {
      const client = await createKubernetesClient({ kubeconfig, namespace: undefined });
      clients.push(client);
      // A resync happens when a stream ends: as often as it may take, then.
      const resync = resyncMs !== undefined && { resyncMs, rotateSeconds: 1 };
      return openKubernetesStore({
        client,
        holder: `test-${clients.length}`,
        findVersions: async () => [],
        watchTiming: { ...watchTimingDefault, ...resync },
      });
    },
    clear: () => removeResources(admin),
    cutWatches: async () => proxy.cut(),
    close: async () => {
      await Promise.all(clients.map((client) => client.close()));
      await proxy.close();
      await kubernetes.stop();
    },
  };
});
