import type { Dependency } from '../resources/dependencies.ts';
import type { ResourceKey } from '../resources/store.ts';

/**
 * Who waits for whom, by key. Edges are noted before a dependency is read, so that a change
 * between the reading and the noting cannot be missed. Bounded by the resources and their
 * references.
 */
export class Dependents {
  readonly #dependents = new Map<string, Set<string>>();
  readonly #dependencies = new Map<string, readonly string[]>();

  note(key: string, dependencies: readonly Dependency[]): void {
    this.forget(key);
    const keys = dependencies.map(dependencyKey);
    this.#dependencies.set(key, keys);
    for (const dependency of keys) {
      const dependents = this.#dependents.get(dependency);
      if (dependents === undefined) this.#dependents.set(dependency, new Set([key]));
      else dependents.add(key);
    }
  }

  /** Keys that depend on this one, be it by name or by being the only one of its namespace. */
  dependentsOf(key: string): string[] {
    const { kind, namespace } = parseKey(key);
    const exact = this.#dependents.get(key) ?? [];
    const anyName = this.#dependents.get(`${kind}/${namespace}/`) ?? [];
    return [...exact, ...anyName];
  }

  /** What a key depended on when it was last seen. */
  dependenciesOf(key: string): readonly string[] {
    return this.#dependencies.get(key) ?? [];
  }

  forget(key: string): void {
    for (const dependency of this.#dependencies.get(key) ?? []) {
      const dependents = this.#dependents.get(dependency);
      dependents?.delete(key);
      if (dependents?.size === 0) this.#dependents.delete(dependency);
    }
    this.#dependencies.delete(key);
  }
}

export function formatKey({ kind, namespace, name }: ResourceKey): string {
  return `${kind}/${namespace}/${name}`;
}

export function parseKey(key: string): ResourceKey {
  const [kind, namespace, name] = key.split('/');
  return { kind, namespace, name } as ResourceKey;
}

function dependencyKey({ kind, namespace, name }: Dependency): string {
  return `${kind}/${namespace}/${name ?? ''}`;
}
