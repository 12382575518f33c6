import type { Kind, Resource } from '../../contract/kinds.ts';
import type { ViewContents } from '../admission/view.ts';
import { namespacesOf } from '../apply-rules.ts';
import type { KubernetesClient } from './client.ts';
import { listKeys, listObjects } from './list-objects.ts';
import { toResource } from './resource-object.ts';

/** The tree of every organisation: who owns which namespace. */
const treeKinds: readonly Kind[] = ['Organisation', 'Application', 'Domain'];
/** What a spec refers to, in the namespaces that it names. */
const referredKinds: readonly Kind[] = ['SchemaDefinition', 'AuthStrategy', 'ArchivePolicy'];

/** API versions of schemas that have a table; the database knows them. */
export type FindVersions = (
  namespaces: readonly string[],
) => Promise<NonNullable<ViewContents['versions']>>;

export interface ViewOptions {
  readonly client: KubernetesClient;
  readonly findVersions: FindVersions;
  /** As they would be stored. */
  readonly candidates: readonly Resource[];
  /** The same ones as they are stored, where they are. */
  readonly stored: readonly Resource[];
}

/** What admission looks at beside the candidates, read from the cluster as it is now. */
export async function loadViewContents(
  options: ViewOptions,
): Promise<Omit<ViewContents, 'candidates'>> {
  const { client, candidates, stored } = options;
  const namespaces = [...new Set(candidates.flatMap(namespacesOf))];
  const hasSchemas = candidates.some(({ kind }) => kind === 'SchemaDefinition');
  const listing = Promise.all([
    ...treeKinds.map((kind) => list(client, kind)),
    ...referredKinds.flatMap((kind) =>
      namespaces.map((namespace) => list(client, kind, namespace)),
    ),
  ]);
  const [lists, schemaKeys, versions] = await Promise.all([
    listing,
    // For quotas that count over namespaces.
    hasSchemas ? listKeys(client, { kind: 'SchemaDefinition' }) : [],
    hasSchemas ? options.findVersions(namespaces) : [],
  ]);
  return {
    stored: [...lists.flat(), ...stored],
    schemaKeys,
    versions,
  };
}

async function list(client: KubernetesClient, kind: Kind, namespace?: string): Promise<Resource[]> {
  const { items } = await listObjects(client, {
    kind,
    ...(namespace !== undefined && { namespace }),
  });
  return items.map((item) => toResource(kind, item));
}
