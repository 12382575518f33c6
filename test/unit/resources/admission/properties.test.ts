import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Resource } from '../../../../src/contract/kinds.ts';
import { admit } from '../../../../src/resources/admission/admit.ts';
import { createAdmissionView } from '../../../../src/resources/admission/view.ts';
import { readManifests } from '../../../../src/resources/manifest-reader.ts';
import { validateManifest } from '../../../../src/resources/manifest-validator.ts';

const samples = new URL('../../../../samples/', import.meta.url).pathname;

function readSample(folder: string): Resource[] {
  const dir = join(samples, folder);
  return readdirSync(dir)
    .filter((file) => file.endsWith('.yaml'))
    .flatMap((file) => readManifests(readFileSync(join(dir, file), 'utf8'), file).manifests)
    .map(({ manifest }) => {
      const result = validateManifest(manifest);
      if ('problems' in result) throw new Error(JSON.stringify(result.problems));
      return result.resource;
    });
}

const all = ['flights', 'procurement'].map(readSample);

function admitAll(candidates: readonly Resource[]) {
  const view = createAdmissionView({ stored: [], candidates });
  return candidates.flatMap((candidate) => admit(candidate, view).problems);
}

/** Every path into a value that leads to something other than the value itself. */
function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path];
  const inner = Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key]));
  return path.length === 0 ? inner : [path, ...inner];
}

function replaced(value: unknown, [head, ...rest]: readonly string[], by: unknown): unknown {
  if (head === undefined) return by;
  const copy = Array.isArray(value) ? [...value] : { ...(value as object) };
  const members = copy as Record<string, unknown>;
  const next = replaced(members[head], rest, by);
  if (next === undefined && !Array.isArray(copy)) delete members[head];
  else members[head] = next;
  return copy;
}

function resolves(value: unknown, pointer: string): boolean {
  let current = value;
  for (const part of pointer.split('/').slice(1)) {
    if (typeof current !== 'object' || current === null) return false;
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (!Object.hasOwn(current, key)) return false;
    current = (current as Record<string, unknown>)[key];
  }
  return true;
}

/** Values of every shape, likely names among them, so that a mutation often stays valid. */
const values = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, true, false, 0, -1, 1.5, '', 'id', 'name', 'v2', '*'),
  fc.constantFrom<unknown>('string', 'enum', 'ref', 'boolean', 'json', 'Tier2', '5y', 'is_null'),
  fc.constantFrom<unknown>('platform', 'demo', '(a', '{{identity.attributes.x}}', [], {}, [
    'a',
    'a',
  ]),
  fc.jsonValue({ maxDepth: 2 }),
);

describe('admission › samples', () => {
  it('accepts every sample', () => {
    for (const sample of all) expect(admitAll(sample)).toEqual([]);
  });

  it('survives any one change of a valid resource and points at what is there', () => {
    const sample = fc.constantFrom(...all);
    const change = fc.record({ sample, resource: fc.nat(), place: fc.nat(), value: values });
    let admitted = 0;
    fc.assert(
      fc.property(change, ({ sample: resources, resource, place, value }) => {
        const original = resources[resource % resources.length]!;
        const paths = pathsOf({ metadata: original.metadata, spec: original.spec });
        const mutated = replaced(original, paths[place % paths.length]!, value);
        const result = validateManifest(mutated);
        if ('problems' in result) return;
        admitted += 1;
        const others = resources.filter((other) => other !== original);
        const view = createAdmissionView({ stored: others, candidates: [result.resource] });
        for (const { pointer, message, hint } of admit(result.resource, view).problems) {
          expect(resolves(result.resource, pointer), `${pointer}: ${message}`).toBe(true);
          expect(message).toMatch(/[.]$/);
          expect(hint).toBeTruthy();
        }
      }),
      { numRuns: 3_000 },
    );
    expect(admitted).toBeGreaterThan(200);
  });
});
