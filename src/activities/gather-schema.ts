import type { SchemaDefinition } from '../contract/kinds.ts';
import type { ResourceRef } from '../contract/names.ts';
import type { GatheredPlan } from '../resources/plans/gather-plan.ts';
import { gatherPlan } from '../resources/plans/gather-plan.ts';
import type { ActivityDeps } from './deps.ts';
import { findOfKind } from './find-resource.ts';

export interface GatheredSchema extends GatheredPlan {
  readonly schema: SchemaDefinition;
}

/** The schema as it is asked for now, and its plan; undefined when it or its domain is gone. */
export async function gatherSchema(
  { store, pool }: ActivityDeps,
  ref: ResourceRef,
): Promise<GatheredSchema | undefined> {
  const schema = await findOfKind(store, 'SchemaDefinition', ref);
  if (schema === undefined) return undefined;
  const gathered = await gatherPlan(pool, schema);
  return gathered && { schema, ...gathered };
}
