import type { Kind, Resource, ResourceOf } from '../../contract/kinds.ts';
import type { ReachableHosts } from '../outbound/reachable-hosts.ts';

/**
 * What admission may look at: resources as they would be once the whole set is stored. It need not
 * be complete; what it does not know is not refused, except where a rule says so.
 */
export interface AdmissionView {
  find<K extends Kind>(kind: K, namespace: string, name: string): ResourceOf<K> | undefined;
  /** In the order of namespace and name. */
  list<K extends Kind>(kind: K, namespace?: string): readonly ResourceOf<K>[];
  /** The resource as it is stored; undefined for one that the set creates. */
  findStored<K extends Kind>(resource: ResourceOf<K>): ResourceOf<K> | undefined;
  /** Schemas of a namespace, also where `list` does not show them all. */
  countSchemas(namespace: string): number;
  /** API versions of a schema that have a table already. */
  versionsOf(namespace: string, name: string): readonly string[];
  /** What the candidate refers to may arrive later: it then waits, which is no reason to refuse it. */
  readonly arrivesAlone: boolean;
  /** What the installation may call; undefined: nobody here knows, so it is told and not refused. */
  readonly reachable: ReachableHosts | undefined;
}

export interface ViewContents {
  readonly stored: readonly Resource[];
  /** The set that is being admitted; replaces stored resources of the same key. */
  readonly candidates: readonly Resource[];
  /** Every stored schema's key, where `stored` holds only some of them. */
  readonly schemaKeys?: readonly { readonly namespace: string; readonly name: string }[];
  readonly versions?: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly version: string;
  }[];
  /** A cluster is given one resource at a time, in any order; elsewhere a set arrives as a whole. */
  readonly arrivesAlone?: boolean;
  readonly reachable?: ReachableHosts;
}

export function createAdmissionView(contents: ViewContents): AdmissionView {
  const storedByKey = new Map(contents.stored.map((resource) => [keyText(resource), resource]));
  const byKey = new Map<string, Resource>();
  for (const resource of [...contents.stored, ...contents.candidates]) {
    byKey.set(keyText(resource), resource);
  }
  const byKind = groupBy(
    [...byKey.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, resource]) => resource),
    (resource) => resource.kind,
  );
  const byNamespace = groupBy(
    [...byKind.values()].flat(),
    ({ kind, metadata }) => `${kind}/${metadata.namespace}`,
  );
  const schemaKeys = new Set([
    ...(contents.schemaKeys ?? []).map(({ namespace, name }) => `${namespace}/${name}`),
    ...(byKind.get('SchemaDefinition') ?? []).map(
      ({ metadata }) => `${metadata.namespace}/${metadata.name}`,
    ),
  ]);
  const schemasByNamespace = groupBy(schemaKeys, (key) => key.slice(0, key.indexOf('/')));
  const versions = groupBy(contents.versions ?? [], (row) => `${row.namespace}/${row.name}`);

  return {
    find<K extends Kind>(kind: K, namespace: string, name: string) {
      return byKey.get(`${kind}/${namespace}/${name}`) as ResourceOf<K> | undefined;
    },
    list<K extends Kind>(kind: K, namespace?: string) {
      const found =
        namespace === undefined ? byKind.get(kind) : byNamespace.get(`${kind}/${namespace}`);
      return (found ?? []) as ResourceOf<K>[];
    },
    findStored<K extends Kind>(resource: ResourceOf<K>) {
      return storedByKey.get(keyText(resource)) as ResourceOf<K> | undefined;
    },
    countSchemas: (namespace) => schemasByNamespace.get(namespace)?.length ?? 0,
    versionsOf: (namespace, name) =>
      (versions.get(`${namespace}/${name}`) ?? []).map(({ version }) => version),
    arrivesAlone: contents.arrivesAlone ?? false,
    reachable: contents.reachable,
  };
}

function keyText({ kind, metadata }: Resource): string {
  return `${kind}/${metadata.namespace}/${metadata.name}`;
}

function groupBy<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
