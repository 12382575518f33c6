import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { generateKinds } from '../../../scripts/generate-kinds.ts';
import { kinds } from '../../../src/contract/kinds.ts';
import { patternMeanings } from '../../../src/resources/manifest-problem.ts';
import type { SchemaNode } from '../../support/structural-schema.ts';
import { structuralProblems, walkSchema } from '../../support/structural-schema.ts';

const folder = new URL('../../../crds/', import.meta.url);

interface Crd {
  metadata: { name: string };
  spec: {
    group: string;
    scope: string;
    names: { kind: string; plural: string; shortNames: string[] };
    versions: {
      name: string;
      subresources: { status?: object };
      additionalPrinterColumns: { name: string; jsonPath: string }[];
      schema: { openAPIV3Schema: SchemaNode };
    }[];
  };
}

const crds = readdirSync(folder)
  .sort()
  .map((file) => parse(readFileSync(new URL(file, folder), 'utf8')) as Crd);

describe('crds', () => {
  it('hold one definition for each kind', () => {
    expect(crds.map(({ spec }) => spec.names.kind).sort()).toEqual(
      kinds.map(({ kind }) => kind).sort(),
    );
    const names = crds.flatMap(({ spec }) => [spec.names.plural, ...spec.names.shortNames]);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(crds.map((crd) => [crd.spec.names.kind, crd] as const))('%s is structural', (_, crd) => {
    const version = crd.spec.versions[0]!;
    expect(structuralProblems(version.schema.openAPIV3Schema)).toEqual([]);
    expect(crd.metadata.name).toBe(`${crd.spec.names.plural}.velocity.sh`);
    expect(crd.spec).toMatchObject({ group: 'velocity.sh', scope: 'Namespaced' });
    expect(version.subresources.status).toEqual({});
    expect(version.additionalPrinterColumns.map(({ name }) => name)).toContain('Phase');
  });

  it('generate exactly the types and schemas that are in the tree', async () => {
    for (const [path, content] of await generateKinds()) {
      const current = readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
      expect(current === content, `${path} is stale: run scripts/generate-kinds.ts`).toBe(true);
    }
  });

  it('use no pattern that a refusal could not put in words', () => {
    const patterns = new Set<string>();
    for (const crd of crds) {
      walkSchema(crd.spec.versions[0]!.schema.openAPIV3Schema, (node) => {
        if (node.pattern !== undefined) patterns.add(node.pattern);
      });
    }
    expect([...patterns].sort()).toEqual(Object.keys(patternMeanings).sort());
  });
});

describe('the check for structural schemas', () => {
  const wrap = (node: SchemaNode): SchemaNode => ({
    type: 'object',
    description: 'root',
    properties: { part: { description: 'part', ...node } },
  });

  it.each<[string, SchemaNode]>([
    ['has no type', {}],
    ['has no bound (maxLength)', { type: 'string' }],
    ['has no bound (maxItems)', { type: 'array', items: { type: 'integer', description: 'x' } }],
    [
      'uses uniqueItems',
      {
        type: 'array',
        maxItems: 1,
        uniqueItems: true,
        items: { type: 'integer', description: 'x' },
      },
    ],
    ['uses $ref', { type: 'object', $ref: '#/x' }],
    [
      'mixes properties and additionalProperties',
      {
        type: 'object',
        properties: {},
        additionalProperties: { type: 'integer', description: 'x' },
        maxProperties: 1,
      },
    ],
    ['has a default that its enum lacks', { type: 'string', enum: ['a'], default: 'b' }],
    ['has no description', { type: 'integer', description: '' }],
  ])('refuses a part that %s', (problem, node) => {
    expect(structuralProblems(wrap(node))).toEqual([`.part ${problem}`]);
  });

  it('refuses metadata that says more than Kubernetes allows', () => {
    const metadata = { type: 'object', description: 'x', properties: { uid: { type: 'string' } } };
    const root = { type: 'object', description: 'root', properties: { metadata } };
    expect(structuralProblems(root)).toContain('.metadata may not specify description');
    expect(structuralProblems(root)).toContain('.metadata may not specify uid');
  });
});
