/** A schema node of a CustomResourceDefinition, or of the JSON schema made from it. */
export type CrdSchema = { [keyword: string]: unknown };

const text = (description: string, rest: CrdSchema = {}) => ({
  type: 'string',
  description,
  ...rest,
});
const textMap = (description: string, tsType: string) => ({
  type: 'object',
  description,
  tsType,
  additionalProperties: { type: 'string', maxLength: 4096 },
  maxProperties: 64,
});

/** CRDs leave metadata to Kubernetes; our own store and validator need it spelt out. */
export const objectMetaSchema: CrdSchema = {
  title: 'ObjectMeta',
  type: 'object',
  description: 'Name, namespace, labels and annotations, and what the store keeps beside them.',
  additionalProperties: false,
  required: ['name', 'namespace'],
  properties: {
    name: text('Name of the resource.', { pattern: '^[a-z][a-z0-9-]*$', maxLength: 63 }),
    namespace: text('Namespace that holds the resource.', {
      pattern: '^[a-z][a-z0-9-]*$',
      maxLength: 253,
    }),
    uid: text('Given by the store; stays with the resource for life.', { maxLength: 36 }),
    generation: {
      type: 'integer',
      description: 'Rises with every change of the spec.',
      minimum: 0,
    },
    resourceVersion: text('Changes with every write; sent back, it guards against lost updates.', {
      maxLength: 64,
    }),
    labels: textMap('Short values to select by.', 'Record<string, string>'),
    annotations: textMap('Values for people and tools.', 'Record<string, string>'),
    finalizers: {
      type: 'array',
      description: 'What must be cleaned up before the resource may go.',
      items: { type: 'string', maxLength: 253 },
      maxItems: 16,
    },
    creationTimestamp: text('When the resource was created. RFC 3339.', { format: 'date-time' }),
    deletionTimestamp: text('When deletion was asked for. RFC 3339.', { format: 'date-time' }),
  },
};

/** What a structural schema cannot say (either of two types), said here. */
const refinements: Readonly<Record<string, CrdSchema>> = {
  ClaimMapping: {
    anyOf: [
      { type: 'string', minLength: 1, maxLength: 253 },
      {
        type: 'object',
        additionalProperties: false,
        required: ['path'],
        properties: {
          path: { type: 'string', minLength: 1, maxLength: 253 },
          transform: {
            type: 'string',
            enum: [
              'identity',
              'prefix_strip',
              'split',
              'uppercase',
              'lowercase',
              'lookup',
              'regex_extract',
              'static_append',
            ],
          },
          args: { tsType: 'unknown' },
        },
      },
    ],
  },
};

/** Keywords that mean the same in JSON schema. Formats other than date-time only bound integers. */
const keptKeywords = [
  'title',
  'type',
  'description',
  'default',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'maxProperties',
  'required',
];

/** The JSON schema of a kind. Every part that has a title becomes a definition of its own. */
export function toJsonSchema(
  kind: string,
  crd: CrdSchema,
  definitions: Record<string, CrdSchema>,
): CrdSchema {
  const schema = convert({ ...crd, title: kind }, definitions);
  const properties = schema['properties'] as Record<string, CrdSchema>;
  schema['required'] = ['apiVersion', 'kind', 'metadata', 'spec'];
  schema['properties'] = {
    ...properties,
    apiVersion: { type: 'string', const: 'velocity.sh/v1' },
    kind: { type: 'string', const: kind },
    metadata: { $ref: '#/$defs/ObjectMeta' },
  };
  return schema;
}

function convert(crd: CrdSchema, definitions: Record<string, CrdSchema>): CrdSchema {
  const schema: CrdSchema = {};
  for (const keyword of keptKeywords) {
    if (crd[keyword] !== undefined) schema[keyword] = crd[keyword];
  }
  if (crd['format'] === 'date-time') schema['format'] = 'date-time';
  if (crd['items'] !== undefined) schema['items'] = hoist(crd['items'] as CrdSchema, definitions);
  if (crd['x-kubernetes-list-type'] === 'set') schema['uniqueItems'] = true;
  if (crd['x-kubernetes-list-map-keys'] !== undefined) {
    schema['uniqueKeys'] = crd['x-kubernetes-list-map-keys'];
  }
  if (crd['additionalProperties'] !== undefined) {
    schema['additionalProperties'] = hoist(crd['additionalProperties'] as CrdSchema, definitions);
  } else if (crd['x-kubernetes-preserve-unknown-fields'] === true) {
    schema['tsType'] = crd['type'] === 'object' ? 'Record<string, unknown>' : 'unknown';
  } else if (crd['type'] === 'object') {
    schema['additionalProperties'] = false;
    schema['properties'] = Object.fromEntries(
      Object.entries((crd['properties'] ?? {}) as Record<string, CrdSchema>).map(([name, part]) => [
        name,
        hoist(part, definitions),
      ]),
    );
  }
  return schema;
}

/** Moves a titled schema to the definitions; the same title must mean the same schema everywhere. */
function hoist(crd: CrdSchema, definitions: Record<string, CrdSchema>): CrdSchema {
  const title = crd['title'];
  if (typeof title !== 'string') return convert(crd, definitions);
  const schema = convert(crd, definitions);
  const refinement = refinements[title];
  if (refinement !== undefined) {
    delete schema['tsType'];
    Object.assign(schema, refinement);
  }
  const known = definitions[title];
  if (known !== undefined && JSON.stringify(known) !== JSON.stringify(schema)) {
    throw new Error(`the title ${title} is used for two different schemas`);
  }
  definitions[title] = schema;
  return { $ref: `#/$defs/${title}` };
}
