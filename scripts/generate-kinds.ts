/**
 * Generates from crds/*.yaml the TypeScript types (src/contract/kinds.ts) and the JSON schemas of
 * the manifest validator (src/resources/kind-schemas.ts). With `--check` it writes nothing and exits
 * with 1 when either file differs from what the CRDs say.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compile } from 'json-schema-to-typescript';
import { parse } from 'yaml';
import type { CrdSchema } from './crd-to-json-schema.ts';
import { objectMetaSchema, toJsonSchema } from './crd-to-json-schema.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const header =
  '// Generated from crds/ by scripts/generate-kinds.ts. Do not edit: change the CRD instead.\n\n';

interface CustomResourceDefinition {
  readonly spec: {
    readonly scope: string;
    readonly names: {
      readonly kind: string;
      readonly plural: string;
      readonly singular: string;
      readonly shortNames: readonly string[];
    };
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: CrdSchema } }[];
  };
}

/** Path (from the repository's root) → content of every generated file. */
export async function generateKinds(): Promise<Map<string, string>> {
  const crds = readCustomResourceDefinitions();
  const definitions: Record<string, CrdSchema> = { ObjectMeta: objectMetaSchema };
  for (const crd of crds) {
    const kind = crd.spec.names.kind;
    const version = crd.spec.versions[0];
    if (version === undefined) throw new Error(`${kind} has no version`);
    definitions[kind] = toJsonSchema(kind, version.schema.openAPIV3Schema, definitions);
  }
  return new Map([
    ['src/contract/kinds.ts', format(header + (await types(crds, definitions)) + list(crds))],
    ['src/resources/kind-schemas.ts', format(header + schemas(definitions))],
  ]);
}

/** SchemaDefinition first would be arbitrary: the order is that of the file names. */
function readCustomResourceDefinitions(): CustomResourceDefinition[] {
  return readdirSync(`${root}crds`)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map((file) => parse(readFileSync(`${root}crds/${file}`, 'utf8')) as CustomResourceDefinition);
}

async function types(
  crds: readonly CustomResourceDefinition[],
  definitions: Record<string, CrdSchema>,
): Promise<string> {
  const union = {
    title: 'Resource',
    description: 'Any resource, told apart by its kind.',
    oneOf: crds.map((crd) => ({ $ref: `#/$defs/${crd.spec.names.kind}` })),
    $defs: definitions,
  };
  const source = await compile(union as Parameters<typeof compile>[0], 'Resource', {
    bannerComment: '',
    additionalProperties: false,
    ignoreMinAndMaxItems: true,
    unreachableDefinitions: false,
    format: false,
    strictIndexSignatures: false,
  });
  return tidyComments(source);
}

/** Leaves of each comment the description alone, on one line: the bounds are in the CRD. */
function tidyComments(source: string): string {
  return source.replaceAll(/\/\*\*\n([\s\S]*?)\n *\*\//g, (_, body: string) => {
    const lines = body.split('\n').map((line) => line.replace(/^ *\* ?/, ''));
    const end = lines.findIndex((line) =>
      /^(@|Items: |This interface was referenced by)/.test(line),
    );
    const description = lines
      .slice(0, end < 0 ? undefined : end)
      .join(' ')
      .trim();
    return description === '' ? '' : `/** ${description} */`;
  });
}

function list(crds: readonly CustomResourceDefinition[]): string {
  const entries = crds.map(({ spec: { names, scope } }) => ({
    kind: names.kind,
    plural: names.plural,
    singular: names.singular,
    shortNames: names.shortNames,
    scope,
  }));
  return `
/** Every kind, with the names that commands and addresses may use for it. */
export const kinds = ${JSON.stringify(entries)} as const;

export type Kind = Resource['kind'];

/** The resource type of a kind: \`ResourceOf<'ApiKey'>\` is \`ApiKey\`. */
export type ResourceOf<K extends Kind> = Extract<Resource, { kind: K }>;
`;
}

function schemas(definitions: Record<string, CrdSchema>): string {
  const bare = JSON.stringify({ $defs: definitions }, (key, value) =>
    key === 'tsType' || ((key === 'title' || key === 'description') && typeof value === 'string')
      ? undefined
      : value,
  );
  return `/** JSON schemas of every kind by name, for Ajv; \`uniqueKeys\` is a keyword of ours. */
export const kindSchemas = ${bare};
`;
}

function format(source: string): string {
  const biome = spawnSync(
    fileURLToPath(new URL('node_modules/.bin/biome', new URL('..', import.meta.url))),
    ['format', '--stdin-file-path=src/contract/kinds.ts'],
    { cwd: root, input: source, encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 },
  );
  if (biome.status !== 0) throw new Error(`biome cannot format the output: ${biome.stderr}`);
  return biome.stdout;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const check = process.argv.includes('--check');
  for (const [path, content] of await generateKinds()) {
    let current = '';
    try {
      current = readFileSync(root + path, 'utf8');
    } catch {
      // Absent counts as stale.
    }
    if (current === content) continue;
    if (check) {
      console.error(
        `${path} is stale: run \`node scripts/generate-kinds.ts\` and commit the result`,
      );
      process.exitCode = 1;
    } else {
      writeFileSync(root + path, content);
      console.log(`wrote ${path}`);
    }
  }
}
