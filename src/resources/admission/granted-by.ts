import { isDeepStrictEqual } from 'node:util';
import type { Resource } from '../../contract/kinds.ts';

/** As much of a manifest as tells who granted. */
interface Granting {
  readonly kind?: string;
  readonly spec?: unknown;
}

export interface GrantChange {
  /** Undefined: it is being created. */
  readonly before: Granting | undefined;
  readonly after: Granting;
  /** Who sends it, as authentication or the cluster has proven it; undefined: nobody can tell. */
  readonly caller: string | undefined;
}

/**
 * Who a RoleBinding has to name in `grantedBy`: whoever changed the rest of it last, never what
 * somebody wrote there. Undefined: nobody.
 */
export function grantorOf({ before, after, caller }: GrantChange): string | undefined {
  const { grantedBy: _, ...wanted } = specOf(after);
  const { grantedBy, ...present } = specOf(before);
  const changed = before === undefined || !isDeepStrictEqual(wanted, present);
  // Nobody grants to themselves: such a name is from a time when anybody's word was taken.
  if (changed || grantedBy === present['actorId']) return caller || undefined;
  return typeof grantedBy === 'string' ? grantedBy : undefined;
}

/** The resource as it is stored: a RoleBinding with the one who grants it, anything else as it is. */
export function withGrantor(
  candidate: Resource,
  stored: Resource | undefined,
  caller: string | undefined,
): Resource {
  if (candidate.kind !== 'RoleBinding') return candidate;
  const { grantedBy: _, ...spec } = candidate.spec;
  const grantor = grantorOf({ before: asJson(stored), after: asJson(candidate), caller });
  return {
    ...candidate,
    spec: { ...spec, ...(grantor !== undefined && { grantedBy: grantor }) },
  };
}

function specOf(binding: Granting | undefined): Readonly<Record<string, unknown>> {
  const spec = binding?.spec;
  return typeof spec === 'object' && spec !== null ? (spec as Record<string, unknown>) : {};
}

/** As it reads back from where it is stored: -0 and undefined members do not. */
function asJson<T extends Granting | undefined>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T);
}
