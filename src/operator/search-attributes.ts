import type { Connection } from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import type { Resource } from '../contract/kinds.ts';
import { identifyDomain } from '../resources/admission/tenancy.ts';
import type { ResourceStore } from '../resources/store.ts';

/** All of type Keyword. temporal/search-attributes.json says the same to people and other tools. */
export const attributeNames = [
  'VelocityOrg',
  'VelocityApp',
  'VelocityDomain',
  'VelocityObject',
  'VelocityKind',
] as const;

type AttributeName = (typeof attributeNames)[number];

/** `INDEXED_VALUE_TYPE_KEYWORD` of temporal.api.enums.v1: exact match, up to 255 bytes. */
const keywordType = 2;
/** gRPC ALREADY_EXISTS: another process has registered them meanwhile. */
const alreadyExists = 6;

/**
 * Registers what Velocity tells Temporal about its workflows, where it is not registered yet.
 * Answers the attributes that are still missing: then workflows run without all of them.
 */
export async function ensureSearchAttributes(
  connection: Connection,
  namespace: string,
): Promise<{ missing: string[] }> {
  const missing = await findMissing(connection, namespace);
  if (missing.length === 0) return { missing };
  const searchAttributes = Object.fromEntries(missing.map((name) => [name, keywordType]));
  try {
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (error) {
    if ((error as { code?: number }).code !== alreadyExists) return { missing };
  }
  return { missing: await findMissing(connection, namespace) };
}

async function findMissing(connection: Connection, namespace: string): Promise<AttributeName[]> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  return attributeNames.filter((name) => customAttributes?.[name] !== keywordType);
}

/** Where a resource belongs, for finding its workflow: organisation, application, domain, object. */
export async function describePlace(
  store: ResourceStore,
  resource: Resource,
): Promise<TypedSearchAttributes> {
  const place = await findPlace(store, resource);
  const pairs = Object.entries(place).map(
    ([name, value]): SearchAttributePair => ({
      key: defineSearchAttributeKey(name, 'KEYWORD'),
      value,
    }),
  );
  return new TypedSearchAttributes(pairs);
}

async function findPlace(
  store: ResourceStore,
  resource: Resource,
): Promise<Partial<Record<AttributeName, string>>> {
  const { kind, metadata } = resource;
  const own = { VelocityKind: kind, VelocityObject: metadata.name };
  if (kind === 'Organisation') return { ...own, VelocityOrg: metadata.name };
  if (kind === 'Application') {
    return { ...own, VelocityOrg: resource.spec.org, VelocityApp: metadata.name };
  }
  const [domain] =
    kind === 'Domain'
      ? [resource]
      : await store.list({ kind: 'Domain', namespace: metadata.namespace });
  const identity = domain?.kind === 'Domain' ? identifyDomain(domain) : undefined;
  if (identity === undefined) return own;
  const { organisation, application, domain: name } = identity;
  return { ...own, VelocityOrg: organisation, VelocityApp: application, VelocityDomain: name };
}
