import type { SchemaDefinition } from '../contract/kinds.ts';
import type { ResourceRef } from '../contract/names.ts';
import { recordTableName, schemaPath } from '../schema/compile.ts';
import type { SchemaPlan } from '../schema/plan-schema.ts';
import { missingTargets, planSchema } from '../schema/plan-schema.ts';
import { findLiveTable } from '../store/catalogue.ts';
import type { ActivityDeps } from './deps.ts';
import { findOfKind } from './find-resource.ts';
import type { ActiveRevision } from './sql/active-revisions.ts';
import { findActiveRevisions, findNextRevision } from './sql/active-revisions.ts';
import type { DomainRow } from './sql/find-domain.ts';
import { findDomain } from './sql/find-domain.ts';

export interface GatheredSchema {
  readonly schema: SchemaDefinition;
  readonly domain: DomainRow;
  readonly active: ActiveRevision | undefined;
  /** Paths of schemas that it refers to and that are not served yet. */
  readonly missing: readonly string[];
  readonly plan: SchemaPlan;
}

/**
 * What is wanted, what is served and what is in the database, and the plan from the one to the
 * other. Undefined when the schema or its domain is gone.
 */
export async function gatherSchema(
  { store, pool }: ActivityDeps,
  ref: ResourceRef,
): Promise<GatheredSchema | undefined> {
  const [schema, domain] = await Promise.all([
    findOfKind(store, 'SchemaDefinition', ref),
    findDomain(pool, ref.namespace),
  ]);
  if (schema === undefined || domain === undefined) return undefined;
  const { spec } = schema;
  const pgTable = recordTableName(ref.name, spec.version);
  const [revisions, live, revision] = await Promise.all([
    findActiveRevisions(pool, [ref, ...targetsOf(schema)]),
    findLiveTable(pool, domain.pgNamespace, pgTable),
    findNextRevision(pool, ref),
  ]);
  const active = revisions.find(
    ({ namespace, name }) => namespace === ref.namespace && name === ref.name,
  );
  const desired = { ...domain, name: ref.name, spec };
  const targets = new Map(
    revisions.map((found) => [schemaPath({ ...found, version: found.spec.version }), found]),
  );
  return {
    schema,
    domain,
    active,
    missing: missingTargets(desired, targets),
    plan: planSchema({ desired, active, live, revision, targets }),
  };
}

function targetsOf({ spec }: SchemaDefinition): { namespace: string; name: string }[] {
  return spec.fields.flatMap(({ ref }) =>
    ref === undefined
      ? []
      : [{ namespace: `${ref.org}-${ref.app}-${ref.domain}`, name: ref.object }],
  );
}
