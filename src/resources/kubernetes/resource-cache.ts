import type { Kind, Resource } from '../../contract/kinds.ts';
import { keyText } from '../manifest-set.ts';
import type { ResourceKey } from '../store.ts';

/** What a watch has seen, as it was last. Bounded by the resources that there are. */
export class ResourceCache {
  /** Kinds whose watch nobody answers at present. */
  readonly unanswered = new Set<Kind>();
  readonly #byKind = new Map<Kind, Map<string, Resource>>();

  get(key: ResourceKey): Resource | undefined {
    return this.#byKind.get(key.kind)?.get(textOf(key));
  }

  all(): Resource[] {
    return [...this.#byKind.values()].flatMap((resources) => [...resources.values()]);
  }

  put(resource: Resource): void {
    this.#ofKind(resource.kind).set(keyText(resource), resource);
  }

  remove(key: ResourceKey): void {
    this.#byKind.get(key.kind)?.delete(textOf(key));
  }

  /** Takes a complete list of a kind; answers what it knew that is not in it. */
  replace(kind: Kind, resources: readonly Resource[]): Resource[] {
    const next = new Map(resources.map((resource) => [keyText(resource), resource]));
    const gone = [...this.#ofKind(kind)].filter(([key]) => !next.has(key));
    this.#byKind.set(kind, next);
    return gone.map(([, resource]) => resource);
  }

  #ofKind(kind: Kind): Map<string, Resource> {
    const known = this.#byKind.get(kind);
    if (known !== undefined) return known;
    const made = new Map<string, Resource>();
    this.#byKind.set(kind, made);
    return made;
  }
}

function textOf({ kind, namespace, name }: ResourceKey): string {
  return `${kind}/${namespace}/${name}`;
}
