import type { Kind, Resource } from '../../contract/kinds.ts';
import { apiVersion } from '../../contract/names.ts';

/** A row of platform.resources as every statement here returns it. */
export interface ResourceRow {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly resourceVersion: string;
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
  readonly finalizers: string[];
  readonly spec: Record<string, unknown>;
  readonly status: Record<string, unknown>;
  readonly creationTimestamp: string;
  readonly deletionTimestamp: string | null;
}

/** Times in whole seconds, as Kubernetes writes them. */
const timeFormat = `'YYYY-MM-DD"T"HH24:MI:SS"Z"'`;

export const resourceColumns = `
  kind, namespace, name, uid::text as uid, generation, resource_version::text as "resourceVersion",
  labels, annotations, finalizers, spec, status,
  to_char(created_at at time zone 'UTC', ${timeFormat}) as "creationTimestamp",
  to_char(deletion_timestamp at time zone 'UTC', ${timeFormat}) as "deletionTimestamp"`;

/** Empty members are left out, as in a manifest. The spec was validated when it was stored. */
export function toResource(row: ResourceRow): Resource {
  return {
    apiVersion,
    kind: row.kind,
    metadata: {
      name: row.name,
      namespace: row.namespace,
      uid: row.uid,
      generation: row.generation,
      resourceVersion: row.resourceVersion,
      ...(Object.keys(row.labels).length > 0 && { labels: row.labels }),
      ...(Object.keys(row.annotations).length > 0 && { annotations: row.annotations }),
      ...(row.finalizers.length > 0 && { finalizers: row.finalizers }),
      creationTimestamp: row.creationTimestamp,
      ...(row.deletionTimestamp !== null && { deletionTimestamp: row.deletionTimestamp }),
    },
    spec: row.spec,
    ...(Object.keys(row.status).length > 0 && { status: row.status }),
  } as unknown as Resource;
}
