import type { Operation } from '../../../src/contract/kinds.ts';
import { deniesAll } from './reference-policies.ts';
import type { Refusal, RefusalCode, Rights } from './reference-rights.ts';
import { isKnown, masked, maskFor, mayRead, refusal, sees } from './reference-rights.ts';
import type { KnownRecord, State, Values, World } from './world.ts';
import { stateOf } from './world.ts';

/** An answer, and what the endpoints have in common. */
export type Expected =
  | { readonly status: 200 | 201 | 204; readonly data?: unknown; readonly total?: number }
  | Refusal;

/** Stands for the times that the platform chose. */
export const sometime = 'sometime';

export function findLive(world: World, rights: Rights, id: string): KnownRecord | undefined {
  const record = world.records.find((one) => one.id === id);
  if (record === undefined) return undefined;
  const state = stateOf(record);
  return state.operation !== 'delete' && sees(world, rights, state) ? record : undefined;
}

/** What is refused before any record is looked at. */
export function refusedBefore(
  world: World,
  rights: Rights,
  operation: Operation,
  codes: readonly (RefusalCode | undefined)[],
): Refusal | undefined {
  const found = codes.filter((code) => code !== undefined);
  const changes = operation === 'update' || operation === 'delete';
  // What may not be read may not be changed.
  const unread = changes && deniesAll(world, rights, 'read');
  if (unread || deniesAll(world, rights, operation)) found.push('POLICY_DENIED');
  return found.length === 0 ? undefined : refusal(...found);
}

/** A record as this caller may see it: what is hidden is not there at all. */
export function shown(
  world: World,
  rights: Rights,
  record: KnownRecord,
  state: State,
  select: readonly string[] | undefined,
): Values {
  const all: Record<string, unknown> = {
    id: record.id,
    version: state.version,
    created_at: sometime,
    created_by: record.states[0]?.actor,
    updated_at: sometime,
    updated_by: state.actor,
  };
  for (const field of world.spec.fields) {
    if (!mayRead(rights, field)) continue;
    const value = state.values[field.name] ?? null;
    const mask = maskFor(rights, field);
    all[field.name] = mask === undefined ? value : masked(mask, value);
  }
  if (select === undefined) return all;
  return Object.fromEntries(select.map((name) => [name, all[name]]));
}

export function knownNames(world: World, rights: Rights): string[] {
  const fields = world.spec.fields.filter((field) => mayRead(rights, field));
  return fields.map(({ name }) => name);
}

export function unknownProblem(
  world: World,
  rights: Rights,
  name: string,
): RefusalCode | undefined {
  return isKnown(world, rights, name) ? undefined : 'UNKNOWN_FIELD';
}
