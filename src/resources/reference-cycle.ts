import type { Resource } from '../contract/kinds.ts';
import type { Dependency } from './dependencies.ts';
import type { ResourceKey, ResourceStore } from './store.ts';

/** Schemas looked at on the way round; a longer circle is reported as schemas that are not ready. */
const schemasMax = 50;

/**
 * The way from a schema over others that are not served yet back to itself, by name: each of them
 * waits for the next, so none will ever be served. Undefined where there is no such way.
 */
export async function findReferenceCycle(
  store: Pick<ResourceStore, 'find'>,
  origin: Resource,
  referencesOf: (resource: Resource) => readonly Dependency[],
): Promise<string[] | undefined> {
  const { namespace, name } = origin.metadata;
  const home = textOf({ kind: 'SchemaDefinition', namespace, name });
  const seen = new Set<string>();
  const ways: { resource: Resource; names: string[] }[] = [{ resource: origin, names: [name] }];
  for (const { resource, names } of ways) {
    for (const dependency of referencesOf(resource)) {
      const key = schemaKeyOf(dependency);
      if (key === undefined) continue;
      if (textOf(key) === home) return [...names, name];
      if (seen.has(textOf(key)) || seen.size >= schemasMax) continue;
      seen.add(textOf(key));
      const next = await store.find(key);
      if (next?.kind !== 'SchemaDefinition' || next.status?.activeRevision !== undefined) continue;
      ways.push({ resource: next, names: [...names, key.name] });
    }
  }
  return undefined;
}

function schemaKeyOf({ role, kind, namespace, name }: Dependency): ResourceKey | undefined {
  if (role !== 'reference' || kind !== 'SchemaDefinition' || name === undefined) return undefined;
  return { kind, namespace, name };
}

function textOf({ namespace, name }: ResourceKey): string {
  return `${namespace}/${name}`;
}
