import type { ApiClient } from './api-client.ts';
import { locateResource } from './resources-api.ts';

export interface SchemaName {
  readonly namespace: string;
  readonly name: string;
}

/** A schema by name: in the namespace that was said, else the context's, else wherever it is alone. */
export async function locateSchema(
  api: ApiClient,
  name: string,
  namespace: string | undefined,
): Promise<SchemaName> {
  const found =
    namespace ??
    (await locateResource(api, 'SchemaDefinition', name, undefined)).metadata.namespace;
  return { namespace: found, name };
}

export function schemaPath({ namespace, name }: SchemaName, verb: string): string {
  return `/api/platform/schemas/${[namespace, name].map(encodeURIComponent).join('/')}/${verb}`;
}
