import type { Kind } from '../../contract/kinds.ts';
import { kinds } from '../../contract/kinds.ts';
import { apiVersion } from '../../contract/names.ts';
import type { Problem } from '../../errors.ts';
import { validationError } from '../../errors.ts';
import type { ResourceKey } from '../../resources/store.ts';

/** What authorization looks at; the store validates the rest. */
export interface ManifestHead extends ResourceKey {
  readonly spec: Readonly<Record<string, unknown>>;
}

/** `{items: […]}`: one set that is applied whole or not at all. */
export function parseManifestSet(body: unknown): readonly unknown[] {
  if (isObject(body) && Array.isArray(body['items']) && Object.keys(body).length === 1) {
    return body['items'];
  }
  throw malformed([{ pointer: '/items', rule: 'type', message: 'is not a list of manifests' }]);
}

/** Kind, namespace, name and spec, of the very object that will be stored. */
export function readManifestHead(manifest: unknown, pointer: string): ManifestHead {
  const problems: Problem[] = [];
  const at = isObject(manifest) ? manifest : {};
  const metadata = isObject(at['metadata']) ? at['metadata'] : {};
  const known = kinds.find(({ kind }) => kind === at['kind'])?.kind;
  if (known === undefined) {
    problems.push({
      pointer: `${pointer}/kind`,
      rule: 'enum',
      message: 'is not a kind of resource',
      hint: kinds.map(({ kind }) => kind).join(', '),
    });
  }
  for (const member of ['namespace', 'name']) {
    if (typeof metadata[member] === 'string') continue;
    problems.push({
      pointer: `${pointer}/metadata/${member}`,
      rule: 'required',
      message: 'is missing',
    });
  }
  if (problems.length > 0) throw malformed(problems);
  return {
    kind: known as Kind,
    namespace: metadata['namespace'] as string,
    name: metadata['name'] as string,
    spec: isObject(at['spec']) ? at['spec'] : {},
  };
}

/** A manifest put at an address: what it leaves out the address says; they must not disagree. */
export function manifestAt(key: ResourceKey, body: unknown): Record<string, unknown> {
  if (!isObject(body)) {
    throw malformed([{ pointer: '', rule: 'type', message: 'is not a manifest' }]);
  }
  const metadata = isObject(body['metadata']) ? body['metadata'] : {};
  const said: [string, unknown, string][] = [
    ['/kind', body['kind'], key.kind],
    ['/metadata/namespace', metadata['namespace'], key.namespace],
    ['/metadata/name', metadata['name'], key.name],
  ];
  const problems = said
    .filter(([, value, wanted]) => value !== undefined && value !== wanted)
    .map(([pointer, value, wanted]): Problem => {
      const message = `is ${JSON.stringify(value)}, but the address says ${JSON.stringify(wanted)}`;
      return { pointer, rule: 'address', message, hint: 'make them agree, or leave it out' };
    });
  if (problems.length > 0) throw malformed(problems);
  return {
    apiVersion,
    ...body,
    kind: key.kind,
    metadata: { ...metadata, namespace: key.namespace, name: key.name },
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(problems: readonly Problem[]) {
  return validationError('The manifest is not well formed.', problems);
}
