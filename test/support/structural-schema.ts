/** A node of a CustomResourceDefinition's openAPIV3Schema, as far as these checks look at it. */
export interface SchemaNode {
  type?: string;
  title?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  pattern?: string;
  format?: string;
  maxLength?: number;
  maxItems?: number;
  maxProperties?: number;
  uniqueItems?: boolean;
  required?: string[];
  properties?: Record<string, SchemaNode>;
  additionalProperties?: SchemaNode | boolean;
  items?: SchemaNode;
  $ref?: string;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-validations'?: { rule: string; message: string; fieldPath?: string }[];
}

const forbidden = ['$ref', 'definitions', 'patternProperties', 'uniqueItems', 'dependencies', 'id'];

/** Visits every node, parents first, with its path (`.spec.fields[].name`). */
export function walkSchema(
  node: SchemaNode,
  visit: (node: SchemaNode, path: string) => void,
  path = '',
): void {
  visit(node, path);
  for (const [name, part] of Object.entries(node.properties ?? {})) {
    walkSchema(part, visit, `${path}.${name}`);
  }
  if (node.items !== undefined) walkSchema(node.items, visit, `${path}[]`);
  if (typeof node.additionalProperties === 'object') {
    walkSchema(node.additionalProperties, visit, `${path}.*`);
  }
}

/**
 * What Kubernetes would refuse ("structural schema" in its CRD reference), and what this project
 * asks beyond it: a description and a bound on every part, which also keeps CEL costs finite.
 */
export function structuralProblems(root: SchemaNode): string[] {
  const problems: string[] = [];
  walkSchema(root, (node, path) => {
    const found = path === '.metadata' ? metadataProblems(node) : problemsOf(node);
    for (const problem of found) problems.push(`${path || '.'} ${problem}`);
  });
  return problems;
}

/** Kubernetes defines metadata itself: a CRD may narrow the name, and say nothing else, not even what it is. */
function metadataProblems(node: SchemaNode): string[] {
  const said = Object.keys(node).filter(
    (keyword) => keyword !== 'type' && keyword !== 'properties',
  );
  const narrowed = Object.keys(node.properties ?? {}).filter((name) => name !== 'name');
  return [...said, ...narrowed].map((what) => `may not specify ${what}`);
}

function problemsOf(node: SchemaNode): string[] {
  const problems: string[] = [];
  const free = node['x-kubernetes-preserve-unknown-fields'] === true;
  for (const keyword of forbidden) if (keyword in node) problems.push(`uses ${keyword}`);
  if (node.type === undefined && !free) problems.push('has no type');
  if (!node.description) problems.push('has no description');
  if (node.properties !== undefined && node.additionalProperties !== undefined) {
    problems.push('mixes properties and additionalProperties');
  }
  if (typeof node.additionalProperties === 'boolean') problems.push('closes additionalProperties');
  problems.push(...boundProblems(node), ...keyProblems(node));
  if (node.default !== undefined && node.enum !== undefined && !node.enum.includes(node.default)) {
    problems.push('has a default that its enum lacks');
  }
  for (const name of node.required ?? []) {
    if (node.properties?.[name] === undefined) problems.push(`requires ${name}, which it lacks`);
    else if (node.properties[name].default !== undefined) {
      problems.push(`requires ${name}, which has a default`);
    }
  }
  return problems;
}

function boundProblems(node: SchemaNode): string[] {
  const unbounded = (bound: string) => [`has no bound (${bound})`];
  if (node.type === 'string' && node.enum === undefined && node.maxLength === undefined) {
    return unbounded('maxLength');
  }
  if (node.type === 'array' && node.maxItems === undefined) return unbounded('maxItems');
  if (typeof node.additionalProperties === 'object' && node.maxProperties === undefined) {
    return unbounded('maxProperties');
  }
  return [];
}

/** A list-type map needs each key in each item, by being required or by a default. */
function keyProblems(node: SchemaNode): string[] {
  return (node['x-kubernetes-list-map-keys'] ?? [])
    .filter((key) => {
      const given = node.items?.required?.includes(key) ?? false;
      return !given && node.items?.properties?.[key]?.default === undefined;
    })
    .map((key) => `has items that may lack their key ${key}`);
}
