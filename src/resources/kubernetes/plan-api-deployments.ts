import { createHash } from 'node:crypto';
import type { Application, Domain } from '../../contract/kinds.ts';
import { identifyDomain } from '../admission/tenancy.ts';

type Deployment = NonNullable<Application['spec']['deployment']>;

/** `spec.template` of the Deployment `velocity-api`, as it stands in the cluster. */
export interface PodTemplate {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly containers: readonly (Readonly<Record<string, unknown>> & {
      readonly name: string;
      readonly env?: readonly { readonly name: string }[];
      readonly resources?: ContainerResources;
    })[];
  };
}

interface ContainerResources {
  readonly requests?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
}

/** As it is given to server-side apply. */
export interface DeploymentObject {
  readonly apiVersion: string;
  readonly kind: 'Deployment' | 'HorizontalPodAutoscaler' | 'Service';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: unknown;
}

export interface DeploymentInputs {
  readonly applications: readonly Application[];
  readonly domains: readonly Domain[];
  readonly template: PodTemplate;
  /** Where the objects live: Velocity's own namespace. */
  readonly namespace: string;
}

/** By which generated objects are found again, so that they go when nothing asks for them. */
export const deploymentLabels = {
  'app.kubernetes.io/name': 'velocity',
  'app.kubernetes.io/component': 'application-api',
  'app.kubernetes.io/managed-by': 'velocity',
} as const;

/** Read by `velocity api`: what it serves, and nothing else. */
const serveVariable = 'VELOCITY_SERVE';
const servesAnnotation = 'velocity.sh/serves';
/** Room for what arrives while more replicas start. */
const targetCpuPercent = 70;
/** Utilisation is a share of what is requested, so something must be. */
const defaultRequests = { cpu: '250m', memory: '256Mi' };

/**
 * An API of its own for each application that declares a `deployment`, or for each of its domains
 * where the scope says so: a Deployment, a Service of the same name, and an autoscaler. The pods are
 * those of the Deployment `velocity-api`, narrowed to what they serve.
 */
export function planApiDeployments(inputs: DeploymentInputs): DeploymentObject[] {
  return placesOf(inputs).flatMap((place) => objectsOf(place, inputs));
}

interface Place {
  readonly organisation: string;
  readonly application: string;
  readonly domain?: string;
  readonly wanted: Deployment;
}

function placesOf({ applications, domains }: DeploymentInputs): Place[] {
  return applications.flatMap((owner) => {
    const place = { organisation: owner.spec.org, application: owner.metadata.name };
    const common = owner.spec.deployment;
    const ofDomains = domains.flatMap((one): Place[] => {
      const identity = identifyDomain(one);
      const within =
        identity?.organisation === place.organisation && identity.application === place.application;
      const own = one.spec.deployment;
      if (!within || (common?.scope !== 'domain' && own?.scope !== 'domain')) return [];
      return [{ ...place, domain: identity.domain, wanted: { ...common, ...own } }];
    });
    const whole = common !== undefined && common.scope !== 'domain';
    return whole ? [{ ...place, wanted: common }, ...ofDomains] : ofDomains;
  });
}

function objectsOf(place: Place, { template, namespace }: DeploymentInputs): DeploymentObject[] {
  const { organisation, application, domain, wanted } = place;
  const serves = [organisation, application, domain].filter((part) => part !== undefined).join('/');
  const name = nameOf(serves);
  const selector = { ...deploymentLabels, 'app.kubernetes.io/instance': name };
  const labels = {
    ...selector,
    'velocity.sh/organisation': organisation,
    'velocity.sh/application': application,
    ...(domain !== undefined && { 'velocity.sh/domain': domain }),
  };
  const metadata = { name, namespace, labels, annotations: { [servesAnnotation]: serves } };
  const { min, max } = replicasOf(wanted);
  const pods = podsOf(template, { labels, serves, resources: wanted.resources });
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      // The autoscaler says how many.
      spec: { selector: { matchLabels: selector }, template: pods },
    },
    {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata,
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
        minReplicas: min,
        maxReplicas: max,
        metrics: [
          {
            type: 'Resource',
            resource: {
              name: 'cpu',
              target: { type: 'Utilization', averageUtilization: targetCpuPercent },
            },
          },
        ],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
    },
  ];
}

/** One replica at least: an autoscaler that looks at CPU cannot begin from none. */
function replicasOf({ minReplicas = 1, maxReplicas }: Deployment): { min: number; max: number } {
  const min = Math.max(1, minReplicas);
  return { min, max: Math.max(min, maxReplicas ?? min) };
}

function podsOf(
  template: PodTemplate,
  options: {
    readonly labels: Readonly<Record<string, string>>;
    readonly serves: string;
    readonly resources: Deployment['resources'];
  },
) {
  const { labels, serves, resources } = options;
  const containers = template.spec.containers.map((container, i) => {
    if (i > 0) return container;
    const env = (container.env ?? []).filter(({ name }) => name !== serveVariable);
    const { requests = {}, limits = {} } = container.resources ?? {};
    return {
      ...container,
      env: [...env, { name: serveVariable, value: serves }],
      resources: {
        requests: { ...defaultRequests, ...requests, ...resources?.requests },
        limits: { ...limits, ...resources?.limits },
      },
    };
  });
  const { annotations } = template.metadata ?? {};
  return {
    metadata: { labels, ...(annotations !== undefined && { annotations }) },
    spec: { ...template.spec, containers },
  };
}

/** A label of DNS. Hyphens in names would make two places look alike, so a hash tells them apart. */
const nameLengthMax = 63;

function nameOf(serves: string): string {
  const hash = createHash('sha256').update(serves).digest('hex').slice(0, 8);
  const readable = serves.replaceAll('/', '-').slice(0, nameLengthMax - hash.length - 1);
  return `${readable.replace(/-+$/, '')}-${hash}`;
}
