import type { Kind, Resource } from '../../contract/kinds.ts';
import type { ViewContents } from '../admission/view.ts';
import { keyOf, namespacesOf } from '../apply-rules.ts';
import type { KubernetesClient } from './client.ts';
import { listObjects } from './list-objects.ts';
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
  const lists = await Promise.all([
    ...treeKinds.map((kind) => list(client, kind)),
    ...referredKinds.flatMap((kind) =>
      namespaces.map((namespace) => list(client, kind, namespace)),
    ),
  ]);
  return {
    stored: [...lists.flat(), ...stored],
    schemaKeys: hasSchemas ? await listSchemaKeys(client) : [],
    versions: hasSchemas ? await options.findVersions(namespaces) : [],
  };
}

/** Every schema's key, for quotas that count over namespaces. */
async function listSchemaKeys(client: KubernetesClient): Promise<ReturnType<typeof keyOf>[]> {
  const resources = await list(client, 'SchemaDefinition');
  return resources.map(keyOf);
}

async function list(client: KubernetesClient, kind: Kind, namespace?: string): Promise<Resource[]> {
  const { items } = await listObjects(client, {
    kind,
    ...(namespace !== undefined && { namespace }),
  });
  return items.map((item) => toResource(kind, item));
}
