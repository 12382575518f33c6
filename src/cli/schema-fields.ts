import type { Field } from '../contract/kinds.ts';
import type { ApiClient, Envelope } from './api-client.ts';
import { ApiRefusal, CommandFailure } from './failures.ts';
import type { ResourceView } from './resources-api.ts';
import { resourcePath } from './resources-api.ts';

/** What a text must become for the API to take it as a value of the field. */
export type ValueType =
  | 'text'
  | 'integer'
  | 'number'
  | 'boolean'
  | 'json'
  | 'geopoint'
  | 'texts'
  | 'integers';

export type SchemaFields = ReadonlyMap<string, ValueType>;

/** The part of a JSON schema that tells how a field's values look. */
interface PropertySchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly items?: PropertySchema;
  readonly properties?: Readonly<Record<string, PropertySchema>>;
  readonly anyOf?: readonly PropertySchema[];
  readonly oneOf?: readonly PropertySchema[];
  readonly allOf?: readonly PropertySchema[];
}

interface OpenApiDocument {
  readonly paths: Readonly<
    Record<string, { readonly post?: { readonly requestBody?: RequestBody } } | undefined>
  >;
  readonly components?: unknown;
}

interface RequestBody {
  readonly content: Readonly<Record<string, { readonly schema?: PropertySchema } | undefined>>;
}

/**
 * The fields that the caller may write, from the OpenAPI document, which shows just these; for who
 * may create nothing (but filters, say), from the schema's own resource where that can be read.
 */
export async function findSchemaFields(api: ApiClient, path: string): Promise<SchemaFields> {
  const document = await api.get<OpenApiDocument>('/api/openapi.json');
  const body = document.paths[`/api/${path}`]?.post?.requestBody;
  const schema = resolvePointer(document, body?.content['application/json']?.schema);
  if (schema !== undefined) {
    const properties = propertiesOf(document, schema);
    return new Map(
      Object.entries(properties).map(([name, property]) => [
        name,
        typeOfProperty(document, property),
      ]),
    );
  }
  return fieldsOfResource(api, path);
}

async function fieldsOfResource(api: ApiClient, path: string): Promise<SchemaFields> {
  const [org, app, domain, object = ''] = path.split('/');
  try {
    const { data } = await api.get<Envelope<ResourceView>>(
      resourcePath('SchemaDefinition', `${org}-${app}-${domain}`, object),
    );
    const fields = data.spec['fields'] as readonly Field[];
    return new Map(fields.map(({ name, type }) => [name, typeOfField(type)]));
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error;
    throw new CommandFailure(
      `the fields of ${path} are not known: you may not create records there`,
      {
        exitCode: error.exitCode,
        cause: error,
      },
    );
  }
}

function typeOfField(type: Field['type']): ValueType {
  const known: Partial<Record<Field['type'], ValueType>> = {
    integer: 'integer',
    number: 'number',
    boolean: 'boolean',
    json: 'json',
    geopoint: 'geopoint',
    'string[]': 'texts',
    'integer[]': 'integers',
  };
  return known[type] ?? 'text';
}

function typeOfProperty(document: OpenApiDocument, property: PropertySchema): ValueType {
  const schema = firstAlternative(resolvePointer(document, property) ?? {});
  const types = [schema.type ?? []].flat();
  if (schema.properties?.['lat'] !== undefined && schema.properties['lon'] !== undefined) {
    return 'geopoint';
  }
  if (types.includes('array')) {
    const items = [firstAlternative(schema.items ?? {}).type ?? []].flat();
    return items.includes('integer') ? 'integers' : 'texts';
  }
  // An integer may also be a string of digits, beyond 2^53: the number is what is usually meant.
  for (const type of ['integer', 'number', 'boolean'] as const)
    if (types.includes(type)) return type;
  return types.includes('string') ? 'text' : 'json';
}

/** `anyOf: [{type: integer}, {type: null}]` and the like: the first that is not null. */
function firstAlternative(schema: PropertySchema): PropertySchema {
  const alternatives = schema.anyOf ?? schema.oneOf ?? [];
  return alternatives.find(({ type }) => type !== 'null') ?? schema;
}

function propertiesOf(
  document: OpenApiDocument,
  schema: PropertySchema,
): Record<string, PropertySchema> {
  const parts = (schema.allOf ?? []).map((part) => resolvePointer(document, part) ?? {});
  return Object.assign({}, ...parts.map(({ properties }) => properties), schema.properties);
}

function resolvePointer(
  document: OpenApiDocument,
  schema: PropertySchema | undefined,
): PropertySchema | undefined {
  if (schema?.$ref === undefined) return schema;
  let node: unknown = document;
  for (const segment of schema.$ref.replace(/^#\//, '').split('/')) {
    const name = decodeURIComponent(segment).replaceAll('~1', '/').replaceAll('~0', '~');
    node = (node as Record<string, unknown> | undefined)?.[name];
  }
  return node as PropertySchema | undefined;
}
