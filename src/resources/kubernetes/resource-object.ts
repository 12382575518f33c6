import type { Kind, Resource } from '../../contract/kinds.ts';
import { kinds } from '../../contract/kinds.ts';
import { apiVersion, approvedByAnnotation, requestedByAnnotation } from '../../contract/names.ts';
import type { ResourceKey } from '../store.ts';

/** A custom resource as the Kubernetes API has it: ours, with what it adds of its own. */
export interface ResourceObject {
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly generation: number;
    readonly resourceVersion: string;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
    readonly managedFields?: readonly { readonly manager?: string; readonly operation?: string }[];
  };
  readonly spec: unknown;
  readonly status?: Readonly<Record<string, unknown>>;
}

const plurals: ReadonlyMap<Kind, string> = new Map(kinds.map(({ kind, plural }) => [kind, plural]));

/** What others note for themselves: it would come back as part of a manifest. */
const hiddenAnnotations: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  requestedByAnnotation,
  approvedByAnnotation,
]);

/** The address of a kind, all of it or a namespace's. */
export function collectionPath(kind: Kind, namespace?: string): string {
  const within = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `/apis/${apiVersion}${within}/${plurals.get(kind)}`;
}

export function objectPath({ kind, namespace, name }: ResourceKey): string {
  return `${collectionPath(kind, namespace)}/${encodeURIComponent(name)}`;
}

/** Members of a list come without their kind. Empty members are left out, as in a manifest. */
export function toResource(kind: Kind, { metadata, spec, status }: ResourceObject): Resource {
  const { name, namespace, uid, generation, resourceVersion } = metadata;
  const { labels = {}, finalizers = [], creationTimestamp, deletionTimestamp } = metadata;
  const annotations = Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(([key]) => !hiddenAnnotations.has(key)),
  );
  return {
    apiVersion,
    kind,
    metadata: {
      ...{ name, namespace, uid, generation, resourceVersion },
      ...(Object.keys(labels).length > 0 && { labels }),
      ...(Object.keys(annotations).length > 0 && { annotations }),
      ...(finalizers.length > 0 && { finalizers }),
      creationTimestamp,
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    },
    spec,
    ...(status !== undefined && Object.keys(status).length > 0 && { status }),
  } as unknown as Resource;
}
