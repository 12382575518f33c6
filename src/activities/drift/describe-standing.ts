import type { SchemaDefinition } from '../../contract/kinds.ts';
import type { ConditionUpdate, StatusUpdate } from '../../resources/status.ts';
import { findCondition } from '../../resources/status.ts';
import type { DriftItem } from '../../schema/compare-shapes.ts';
import { describeDrift } from '../../schema/compare-shapes.ts';

/** What the platform knows of a schema that is served, beyond what its reconcile found out. */
export interface Standing {
  /** Undefined: not compared just now, so that what was known stays. */
  readonly drift: readonly DriftItem[] | undefined;
  /** Somebody froze it by hand. */
  readonly frozen: { readonly by: string; readonly reason: string | null } | undefined;
  readonly records: number | undefined;
}

/** Differences that a condition names; the route and the command line show all. */
const namedMax = 5;

/**
 * The status of a schema that serves, with drift, freeze and records in it. Undefined while its
 * reconcile has the word: before it is Ready, and for a spec that was not looked at yet.
 */
export function describeStanding(
  schema: SchemaDefinition,
  { drift, frozen, records }: Standing,
): StatusUpdate | undefined {
  const { status, metadata } = schema;
  if (metadata.deletionTimestamp !== undefined) return undefined;
  if (status?.observedGeneration !== metadata.generation) return undefined;
  if (findCondition(schema, 'Ready')?.status !== 'True') return undefined;
  const conditions: ConditionUpdate[] = [];
  const withdrawn: string[] = [];
  const drifted =
    drift === undefined ? findCondition(schema, 'Drifted') !== undefined : drift.length > 0;
  if (drift !== undefined && drifted) conditions.push(driftCondition(schema, drift));
  else if (!drifted) withdrawn.push('Drifted');
  if (frozen === undefined) withdrawn.push('Frozen');
  else conditions.push(frozenCondition(frozen));
  const still = frozen !== undefined || schema.spec.lifecycle?.frozen === true;
  return {
    phase: drifted ? 'Drifted' : still ? 'Frozen' : 'Ready',
    ...{ conditions, withdrawn },
    fields: { ...(records !== undefined && { records }) },
  };
}

function driftCondition(
  { metadata: { name, namespace } }: SchemaDefinition,
  items: readonly DriftItem[],
): ConditionUpdate {
  const named = items.slice(0, namedMax).map(describeDrift);
  const more = items.length > namedMax ? [`${items.length - namedMax} more`] : [];
  const message = `${[...named, ...more].join('; ')}. To see it, run: velocity drift ${name} -n ${namespace}`;
  return { type: 'Drifted', status: 'True', reason: 'CatalogueDiffers', message };
}

function frozenCondition({ by, reason }: NonNullable<Standing['frozen']>): ConditionUpdate {
  const message = `${by} froze it${reason === null ? '' : `: ${reason}`}; records can be read, not written`;
  return { type: 'Frozen', status: 'True', reason: 'FrozenByHand', message };
}
