import { isDeepStrictEqual } from 'node:util';
import type { Access } from '../auth/access.ts';
import { recordPolicies } from '../query/compile-policy.ts';
import type { CompiledField, CompiledSchema } from '../schema/compile.ts';
import { referencePath } from '../schema/compile.ts';
import type { Statement } from '../store/statement.ts';
import type { RequestContext } from './request-context.ts';
import { findReadAccess, readersAt } from './request-context.ts';
import type { ReferringRow } from './sql/guard-references.ts';
import { guardReferences } from './sql/guard-references.ts';

/**
 * References that a foreign key alone would leak, since it sees through every right: `unseen` leads
 * nowhere for this caller, any other is looked up in its target under the caller's own rights.
 */
export type GuardedReferences = ReadonlyMap<string, CompiledSchema | 'unseen'>;

interface Guarded {
  readonly guarded: GuardedReferences;
  /** What the look-ups need. */
  readonly accesses: readonly Access[];
  /** To be sent before a write, in its transaction: the policies of the targets. */
  readonly guards: (rows: readonly ReferringRow[]) => readonly Statement[];
}

const noStatements: readonly Statement[] = [];
const none: Guarded = { guarded: new Map(), accesses: [], guards: () => noStatements };

/**
 * Layer 3 of a write: a reference asks whether a record exists, and by a key of a field also whether
 * somebody has its value, so it takes read on the target and a key that the caller sees. Where all rows
 * are the caller's to read, the foreign key says it alone. `writing` are the rights of the write itself.
 * What policies hide there goes by `guards`.
 */
export function guardedReferences(
  ctx: RequestContext,
  schema: CompiledSchema,
  writing: readonly Access[],
): Guarded {
  if (!refersToOthers(schema)) return none;
  const guarded = new Map<string, CompiledSchema | 'unseen'>();
  const accesses = new Set<Access>();
  const hidden: Parameters<typeof guardReferences>[0][] = [];
  for (const field of schema.userFields) {
    if (field.spec.ref === undefined) continue;
    const target = ctx.snapshot.targets.get(referencePath(field.spec.ref));
    const access = target && findReadAccess(ctx, target);
    const isSeen =
      access !== undefined &&
      seesKey(field, access) &&
      (target?.path !== schema.path || writing.every((one) => seesAsMuch(access, one)));
    if (target === undefined || !isSeen) {
      guarded.set(field.name, 'unseen');
      continue;
    }
    const policies = recordPolicies(access.policies);
    if (policies.length > 0) hidden.push({ schema, field, target, policies });
    if ((target.spec.access.rowFilter ?? []).length === 0) continue;
    guarded.set(field.name, target);
    if (target.path !== schema.path) accesses.add(access);
  }
  return {
    ...{ guarded, accesses: [...accesses] },
    guards: (rows) => {
      if (hidden.length === 0) return noStatements;
      const callerAt = readersAt(ctx);
      return hidden
        .filter(({ field }) => rows.some(({ values }) => (values[field.name] ?? null) !== null))
        .map((one) => guardReferences(one, rows, callerAt));
    },
  };
}

/** A look-up in the schema that is written runs under the rights of the write: those must not see more. */
function seesAsMuch(read: Access, write: Access): boolean {
  return read.rowFilter === undefined || isDeepStrictEqual(read.rowFilter, write.rowFilter);
}

function seesKey({ spec }: CompiledField, { readable, masks }: Access): boolean {
  const key = spec.ref?.key ?? 'id';
  return readable.has(key) && !masks.has(key);
}

function refersToOthers(schema: CompiledSchema): boolean {
  return schema.userFields.some((field) => field.spec.ref !== undefined);
}
