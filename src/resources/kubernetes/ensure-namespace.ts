import type { KubernetesClient } from './client.ts';
import { KubernetesError } from './kubernetes-error.ts';

/** Makes a namespace that is not there. Looks first: many may look who may not make one. */
export async function ensureNamespace(client: KubernetesClient, name: string): Promise<void> {
  if (await hasNamespace(client, name)) return;
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  try {
    await client.request({ method: 'POST', path: '/api/v1/namespaces', body });
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 409) return;
    throw error;
  }
}

export async function hasNamespace(client: KubernetesClient, name: string): Promise<boolean> {
  const path = `/api/v1/namespaces/${encodeURIComponent(name)}`;
  return (await client.find({ method: 'GET', path })) !== undefined;
}
