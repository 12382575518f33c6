import type { Kind } from '../contract/kinds.ts';
import type { ApiClient, Envelope } from './api-client.ts';
import { exitCodes } from './exit-codes.ts';
import { CommandFailure, usageFailure } from './failures.ts';

/** A resource of any kind, as far as the command line looks into it. */
export interface ResourceView {
  readonly apiVersion: string;
  readonly kind: Kind;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly generation?: number;
    readonly resourceVersion?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
  };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>> & {
    readonly phase?: string;
    readonly observedGeneration?: number;
    readonly conditions?: readonly ConditionView[];
  };
}

export interface ConditionView {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

export interface ApplyOutcome {
  readonly outcome: 'created' | 'configured' | 'unchanged';
  readonly resource: ResourceView;
  readonly warnings?: readonly string[];
  /** Of a schema in a dry run. */
  readonly plan?: PlannedChange;
}

export interface PlannedChange {
  readonly hash: string;
  readonly class: string;
  readonly needsApproval: boolean;
  readonly changes: readonly { readonly class: string; readonly summary: string }[];
  readonly steps: readonly {
    readonly summary: string;
    readonly lock: string;
    readonly scans: boolean;
    readonly rewrites: boolean;
    readonly rows?: number;
    readonly sql: string;
  }[];
  readonly refused?: { readonly reason: string; readonly message: string };
}

const root = '/api/platform/objects';

export function resourcePath(kind: Kind, namespace: string, name: string): string {
  return `${root}/${kind}/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
}

export async function listResources(
  api: ApiClient,
  kind: Kind,
  namespace?: string,
): Promise<ResourceView[]> {
  const answer = await api.get<Envelope<ResourceView[]>>(`${root}/${kind}`, { namespace });
  return answer.data;
}

export async function getResource(
  api: ApiClient,
  kind: Kind,
  namespace: string,
  name: string,
): Promise<ResourceView> {
  const answer = await api.get<Envelope<ResourceView>>(resourcePath(kind, namespace, name));
  return answer.data;
}

/** All or none, so that manifests of one set may refer to each other. */
export async function applyResources(
  api: ApiClient,
  items: readonly unknown[],
  options: { dryRun?: boolean } = {},
): Promise<ApplyOutcome[]> {
  const answer = await api.send<Envelope<ApplyOutcome[]>>('POST', root, {
    body: { items },
    query: { dryRun: options.dryRun === true ? 'true' : undefined },
  });
  return answer.body.data;
}

/** By name alone where no namespace is given and only one resource of the kind is called so. */
export async function locateResource(
  api: ApiClient,
  kind: Kind,
  name: string,
  namespace: string | undefined,
): Promise<ResourceView> {
  if (namespace !== undefined) return getResource(api, kind, namespace, name);
  const named = (await listResources(api, kind)).filter(({ metadata }) => metadata.name === name);
  if (named.length > 1) {
    const namespaces = named.map(({ metadata }) => metadata.namespace).join(', ');
    throw usageFailure(
      `${named.length} ${kind}s are called "${name}"`,
      `Choose with -n: ${namespaces}.`,
    );
  }
  const [only] = named;
  if (only !== undefined) return only;
  throw new CommandFailure(`there is no ${kind} "${name}"`, {
    exitCode: exitCodes.notFound,
    hint: `List them: velocity get ${kind.toLowerCase()}`,
  });
}

/** Why a resource is not Ready, or not gone, in the words of the condition that says so. */
export function messageOf(resource: ResourceView): string {
  if (phaseOf(resource) === 'Ready') return '';
  const { conditions = [] } = resource.status ?? {};
  // Of a schema that serves, and of which there is more to tell.
  const ofPhase = isServed(resource)
    ? conditions.find(({ type }) => type === phaseOf(resource))
    : undefined;
  const refusals = conditions.filter(({ status, message }) => status === 'False' && message);
  // Beside it others may still tell of an earlier try.
  const about = resource.metadata.deletionTimestamp === undefined ? 'Ready' : 'Deletion';
  const telling = ofPhase ?? refusals.find(({ type }) => type === about) ?? refusals[0];
  const { reason, message } = telling ?? conditions.find((condition) => condition.message) ?? {};
  return [reason, message].filter(Boolean).join(': ');
}

export function phaseOf(resource: ResourceView): string {
  if (resource.metadata.deletionTimestamp !== undefined) return 'Deleting';
  return resource.status?.phase ?? 'Pending';
}

/** Ready, or a schema that serves its newest spec although it drifted or is frozen. */
export function isServed(resource: ResourceView): boolean {
  const phase = phaseOf(resource);
  if (phase === 'Ready') return true;
  const ready = resource.status?.conditions?.find(({ type }) => type === 'Ready');
  return (phase === 'Drifted' || phase === 'Frozen') && ready?.status === 'True';
}

/** Has the operator acted upon the newest spec, or does the phase tell of an older one? */
export function isSettled(resource: ResourceView): boolean {
  const { generation = 0 } = resource.metadata;
  return (resource.status?.observedGeneration ?? -1) >= generation;
}
