import type { Access } from '../auth/access.ts';
import { policyDenied } from '../auth/policies.ts';
import { VelocityError } from '../errors.ts';
import { compileDenials, findDenied, planDenials } from '../query/compile-denials.ts';
import { compileGet, planGet } from '../query/compile-get.ts';
import type { Schemas } from '../query/plan-include.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import { referencePath } from '../schema/compile.ts';
import type { CompiledPolicy } from '../schema/policy.ts';
import type { RequestContext } from './request-context.ts';
import { authorizeFor, callersAt, findReadAccess, sessionOf } from './request-context.ts';

export interface FoundRecord {
  readonly id: string;
  readonly version: number;
  readonly data: string;
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The plain get of each caller, compiled once: it goes when the access does. */
const plainGets = new WeakMap<Access, Get>();

interface Get {
  readonly statement: ReturnType<typeof compileGet>;
  /** Those that what is shown brings in. */
  readonly policies: readonly CompiledPolicy[];
}

/** One record as the caller may see it; ENTITY_NOT_FOUND also for what the caller may not see. */
export async function getRecord(
  ctx: RequestContext,
  schema: CompiledSchema,
  id: string,
  options: { readonly select?: readonly string[]; readonly include?: readonly string[] } = {},
): Promise<FoundRecord> {
  const access = authorizeFor(ctx, schema, 'read');
  requireRecordId(schema, id);
  const included: Access[] = [];
  let get = plainGets.get(access);
  if (get === undefined || options.select !== undefined || options.include !== undefined) {
    const named = (kind: string, names: readonly string[] | undefined) =>
      names?.map((name) => ({ name, pointer: `?${kind}=${name}` }));
    const select = named('select', options.select);
    const plan = planGet({
      schema,
      access,
      query: {
        include: named('include', options.include) ?? [],
        ...(select !== undefined && { select }),
      },
      ...otherSchemas(ctx, included),
    });
    get = { statement: compileGet(plan), policies: plan.policies };
    if (options.select === undefined && options.include === undefined) plainGets.set(access, get);
  }
  const session = sessionOf(ctx, schema, access, included);
  const callerAt = callersAt(ctx, schema, access, 'read');
  const [result] = await ctx.deps.pipeline.transact(session, [get.statement(id, callerAt)]);
  const row = result?.rows[0] as { version: number; data: string } | undefined;
  if (row === undefined) {
    const { policies } = get;
    if (policies.length > 0) await refuseDenied(ctx, schema, { ...access, policies }, id);
    throw entityNotFound(schema, id);
  }
  return { id, version: row.version, data: row.data };
}

/** Says which policy denies a record that the caller's row filter shows; it answers where none does. */
async function refuseDenied(
  ctx: RequestContext,
  schema: CompiledSchema,
  access: Access,
  id: string,
): Promise<void> {
  const judged = planDenials(schema, access, { deletedToo: false });
  const statement = compileDenials(judged, id, callersAt(ctx, schema, access, 'read'));
  const [result] = await ctx.deps.pipeline.transact(sessionOf(ctx, schema, access), [statement]);
  const [row] = result?.rows ?? [];
  const denied = row && findDenied(judged.policies, row);
  if (denied !== undefined) throw policyDenied(denied);
}

/** Where includes lead, and what the caller may read there; `seen` collects it for the transaction. */
export function otherSchemas(ctx: RequestContext, seen: Access[]): Schemas {
  return {
    findSchema: (reference) => ctx.snapshot.targets.get(referencePath(reference)),
    accessTo: (target) => {
      const access = findReadAccess(ctx, target);
      if (access !== undefined && !seen.includes(access)) seen.push(access);
      return access;
    },
  };
}

/** What is no UUID is no record's id, so nobody needs to look. */
export function requireRecordId(schema: CompiledSchema, id: string): void {
  if (!uuidPattern.test(id)) throw entityNotFound(schema, id);
}

export function entityNotFound(schema: CompiledSchema, id: string): VelocityError {
  return new VelocityError(
    'ENTITY_NOT_FOUND',
    `${schema.name} ${schema.version} has no record ${JSON.stringify(id.slice(0, 64))}.`,
  );
}
