import type { Application, Domain } from '../contract/kinds.ts';
import type { KubernetesClient } from '../resources/kubernetes/client.ts';
import { patchTypes } from '../resources/kubernetes/client.ts';
import { eachBounded } from '../resources/kubernetes/each-bounded.ts';
import type {
  DeploymentObject,
  PodTemplate,
} from '../resources/kubernetes/plan-api-deployments.ts';
import {
  deploymentLabels,
  planApiDeployments,
} from '../resources/kubernetes/plan-api-deployments.ts';
import { translated } from '../resources/kubernetes/store-error.ts';
import type { ActivityDeps } from './deps.ts';

/** The Deployment whose pods the generated ones are like. */
const templateName = 'velocity-api';
const fieldManager = 'velocity';
/** Requests under way at a time. */
const concurrency = 4;

const collections: Readonly<Record<DeploymentObject['kind'], string>> = {
  Deployment: '/apis/apps/v1/namespaces/{namespace}/deployments',
  HorizontalPodAutoscaler: '/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers',
  Service: '/api/v1/namespaces/{namespace}/services',
};

export interface KeptDeployments {
  readonly applied: number;
  readonly removed: number;
}

/**
 * Brings the API deployments of all applications and domains to what their manifests say, and removes
 * those that nothing asks for. Outside of a cluster, or without a Deployment to make them like, there
 * are none.
 */
export async function keepApiDeployments({
  store,
  cluster,
}: Pick<ActivityDeps, 'store' | 'cluster'>): Promise<KeptDeployments> {
  if (cluster === undefined) return { applied: 0, removed: 0 };
  return translated(async () => {
    const template = await findTemplate(cluster);
    if (template === undefined) return { applied: 0, removed: 0 };
    // Before what is wanted: an object that is there already was wanted by something that is listed.
    const there = await listGenerated(cluster);
    const [applications, domains] = await Promise.all([
      store.list({ kind: 'Application' }) as Promise<Application[]>,
      store.list({ kind: 'Domain' }) as Promise<Domain[]>,
    ]);
    const standing = { applications: applications.filter(stays), domains: domains.filter(stays) };
    const { namespace } = cluster;
    const wanted = planApiDeployments({ ...standing, template, namespace });
    await eachBounded(wanted, concurrency, (object) =>
      cluster.request({
        method: 'PATCH',
        path: pathOf(cluster, object.kind, object.metadata.name),
        contentType: patchTypes.apply,
        query: { fieldManager, force: true },
        body: object,
      }),
    );
    const kept = new Set(wanted.map(({ kind, metadata }) => `${kind}/${metadata.name}`));
    const idle = there.filter(({ kind, name }) => !kept.has(`${kind}/${name}`));
    await eachBounded(idle, concurrency, ({ kind, name }) =>
      cluster.find({
        method: 'DELETE',
        path: pathOf(cluster, kind, name),
        query: { propagationPolicy: 'Background' },
      }),
    );
    return { applied: wanted.length, removed: idle.length };
  });
}

function stays({ metadata }: Application | Domain): boolean {
  return metadata.deletionTimestamp === undefined;
}

async function findTemplate(cluster: KubernetesClient): Promise<PodTemplate | undefined> {
  const found = await cluster.find<{ spec: { template: PodTemplate } }>({
    method: 'GET',
    path: pathOf(cluster, 'Deployment', templateName),
  });
  return found?.spec.template;
}

async function listGenerated(cluster: KubernetesClient) {
  const labelSelector = Object.entries(deploymentLabels)
    .map(([label, value]) => `${label}=${value}`)
    .join(',');
  const kinds = Object.keys(collections) as DeploymentObject['kind'][];
  const lists = await Promise.all(
    kinds.map(async (kind) => {
      const { items } = await cluster.request<{ items: { metadata: { name: string } }[] }>({
        method: 'GET',
        path: pathOf(cluster, kind),
        query: { labelSelector },
      });
      return items.map(({ metadata }) => ({ kind, name: metadata.name }));
    }),
  );
  return lists.flat();
}

function pathOf(
  { namespace }: KubernetesClient,
  kind: DeploymentObject['kind'],
  name?: string,
): string {
  const collection = collections[kind].replace('{namespace}', namespace);
  return name === undefined ? collection : `${collection}/${name}`;
}
