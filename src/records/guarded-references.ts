import type { Access } from '../auth/access.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import { referencePath } from '../schema/compile.ts';
import type { RequestContext } from './request-context.ts';
import { findReadAccess } from './request-context.ts';

interface Guarded {
  readonly guarded: ReadonlyMap<string, CompiledSchema>;
  readonly accesses: readonly Access[];
}

const none: Guarded = { guarded: new Map(), accesses: [] };

/**
 * References that a foreign key alone would leak: it sees through row-level security, so a caller
 * could tell a row outside of its filter from one that does not exist. Targets with row filters are
 * looked up under the caller's own rights; `accesses` are what that look-up needs.
 */
export function guardedReferences(ctx: RequestContext, schema: CompiledSchema): Guarded {
  if (!refersToOthers(schema)) return none;
  const guarded = new Map<string, CompiledSchema>();
  const accesses = new Set<Access>();
  for (const field of schema.userFields) {
    if (field.spec.ref === undefined) continue;
    const target = ctx.snapshot.targets.get(referencePath(field.spec.ref));
    if (target === undefined || (target.spec.access.rowFilter ?? []).length === 0) continue;
    guarded.set(field.name, target);
    const access = target.path === schema.path ? undefined : findReadAccess(ctx, target);
    if (access !== undefined) accesses.add(access);
  }
  return { guarded, accesses: [...accesses] };
}

function refersToOthers(schema: CompiledSchema): boolean {
  return schema.userFields.some((field) => field.spec.ref !== undefined);
}
