import type { Access } from '../auth/access.ts';
import { maskFor } from '../auth/field-masks.ts';
import { policyDenied } from '../auth/policies.ts';
import type { Identity } from '../contract/identity.ts';
import type { Field, FieldMask } from '../contract/kinds.ts';
import { VelocityError } from '../errors.ts';
import type { Lineage } from '../history/field-lineage.ts';
import { followForward } from '../history/field-lineage.ts';
import type { ProjectedState, TypeOf } from '../history/project-state.ts';
import { projectOntoNow, projectOriginal } from '../history/project-state.ts';
import { readLineage } from '../history/sql/read-lineage.ts';
import type { VersionPage, VersionRow } from '../history/sql/read-versions.ts';
import { readRevisionsOf, readVersions } from '../history/sql/read-versions.ts';
import { compileDenials, findDenied, planDenials } from '../query/compile-denials.ts';
import { readCursor, writeCursor } from '../query/cursor.ts';
import type { Masks } from '../query/mask.ts';
import { columnType } from '../schema/column-type.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import { referenceKeyType } from '../schema/compile.ts';
import type { CompiledPolicy } from '../schema/policy.ts';
import type { SessionContext } from '../store/statement.ts';
import { entityNotFound, requireRecordId } from './get-record.ts';
import type { RequestContext } from './request-context.ts';
import { authorizeFor, callersAt, sessionOf } from './request-context.ts';

export interface HistoryQuery {
  readonly limit: number;
  readonly cursor?: string;
  /** Each state as the revision that wrote it had records, instead of as they are now. */
  readonly original: boolean;
}

export interface HistoryPage {
  /** A JSON array as Postgres built its members, newest first. */
  readonly data: string;
  readonly cursor?: string;
}

/**
 * The versions of a record that the caller can see now, deleted or not, under the field rules of now.
 * Throws ENTITY_NOT_FOUND where there is none, or none for this caller.
 */
export async function readHistory(
  ctx: RequestContext,
  schema: CompiledSchema,
  id: string,
  { limit, cursor, original }: HistoryQuery,
): Promise<HistoryPage> {
  const access = authorizeFor(ctx, schema, 'history');
  requireRecordId(schema, id);
  const seal = { secret: ctx.deps.cursorSecret, binding: `history ${schema.path} ${id}` };
  const before = cursor === undefined ? null : (readCursor(seal, cursor)[0] ?? null);
  const session = sessionOf(ctx, schema, access);
  // One more than the page, so that no cursor leads to an empty one.
  const page = { id, limit: limit + 1, before };
  const lineage = await lineageOf(ctx, schema);
  const typeOf = typesIn(ctx);
  const { readable, masks } = access;
  const state = original
    ? await originalState(ctx, { schema, access, session, page, lineage, typeOf })
    : projectOntoNow({ schema, lineage, readable, masks, typeOf });
  const denials = planDenials(schema, access, { deletedToo: true });
  const callerAt = callersAt(ctx, schema, access, 'history');
  const judged = denials.policies.length === 0 ? [] : [compileDenials(denials, id, callerAt)];
  const versions = readVersions(schema, state, page);
  const results = await ctx.deps.pipeline.transact(session, [...judged, versions]);
  if (judged.length > 0) requireJudged(schema, id, denials.policies, results[0]?.rows[0]);
  const result = results.at(-1);
  const rows = (result?.rows ?? []) as unknown as VersionRow[];
  if (rows.length === 0 && before === null) throw entityNotFound(schema, id);
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const data = `[${shown.map((row) => row.data).join(',')}]`;
  if (rows.length <= limit || last === undefined) return { data };
  return { data, cursor: writeCursor(seal, [last.occurredAt]) };
}

/** The policies of now hold for the past, over the record as it is now; without one none can be asked. */
function requireJudged(
  schema: CompiledSchema,
  id: string,
  policies: readonly CompiledPolicy[],
  row: Readonly<Record<string, unknown>> | undefined,
): void {
  if (row === undefined) throw entityNotFound(schema, id);
  const denied = findDenied(policies, row);
  if (denied !== undefined) throw policyDenied(denied);
}

/** What the past looks like changes with the revision alone. */
const lineages = new WeakMap<CompiledSchema, Lineage>();

async function lineageOf(ctx: RequestContext, schema: CompiledSchema): Promise<Lineage> {
  const known = lineages.get(schema);
  if (known !== undefined) return known;
  const lineage = await readLineage(ctx.deps.pool, schema);
  lineages.set(schema, lineage);
  return lineage;
}

/** References have the type of their target's key, as it is now. */
function typesIn({ snapshot }: RequestContext): TypeOf {
  return (field) => {
    const findSpec = (path: string) => snapshot.schemas.get(path)?.spec;
    const key = field.type === 'ref' ? referenceKeyType(field.ref, findSpec) : undefined;
    return columnType(field, key);
  };
}

/** Revisions whose versions one page may hold in their original form: each is an expression. */
const revisionsMax = 200;

async function originalState(
  ctx: RequestContext,
  input: {
    readonly schema: CompiledSchema;
    readonly access: Access;
    readonly session: SessionContext;
    readonly page: VersionPage;
    readonly lineage: Lineage;
    readonly typeOf: TypeOf;
  },
): Promise<ProjectedState> {
  const { schema, access, session, page, lineage, typeOf } = input;
  const [found] = await ctx.deps.pipeline.transact(session, [readRevisionsOf(schema, page)]);
  const revisions = (found?.rows ?? []).map(({ revision }) => Number(revision));
  if (revisions.length > revisionsMax) {
    throw new VelocityError(
      'QUERY_TOO_COSTLY',
      `These versions were written under ${revisions.length} revisions.`,
      { hint: 'Ask for fewer at a time with limit.' },
    );
  }
  const states = revisions.map((revision) => {
    const spec = lineage.revisions.find((one) => one.revision === revision)?.spec;
    const by = { identity: ctx.identity, schema, access, lineage };
    const fields = (spec?.fields ?? []).filter((field) => mayReadPast(by, { field, revision }));
    const masks = masksOfPast(by, fields, revision);
    const { readable } = access;
    const state = projectOriginal({ lineage, revision, fields, readable, masks, typeOf });
    return `when ${revision} then ${state}`;
  });
  const record = states.length === 0 ? 'null' : `case h."_revision" ${states.join(' ')} end`;
  return { record, lost: 'array[]::text[]' };
}

interface PastReader {
  readonly identity: Identity;
  readonly schema: CompiledSchema;
  readonly access: Access;
  readonly lineage: Lineage;
}

/** Masks follow their field through its names, and one that was dropped keeps its last. */
function masksOfPast(by: PastReader, fields: readonly Field[], revision: number): Masks {
  const { identity, schema, access, lineage } = by;
  const roles = new Set(access.grants.map(({ role }) => role));
  return new Map(
    fields.flatMap(({ name }): [string, FieldMask][] => {
      const fate = followForward(lineage, name, revision);
      if (fate === undefined || identity.platformAdmin) return [];
      const mask = fate.serves
        ? access.masks.get(fate.field.name)
        : maskFor(fate.field.mask, schema, roles);
      return mask === undefined ? [] : [[name, mask]];
    }),
  );
}

/**
 * A field that still serves is readable as it is now, under whatever name. Of one that was dropped
 * the last rule holds; a key that lists its fields cannot mean one that is not there.
 */
function mayReadPast(
  by: PastReader,
  { field, revision }: { readonly field: Field; readonly revision: number },
): boolean {
  const { identity, schema, access, lineage } = by;
  const fate = followForward(lineage, field.name, revision);
  if (fate === undefined) return false;
  if (fate.serves) return access.readable.has(fate.field.name);
  if (identity.platformAdmin) return true;
  if (identity.keyScopes?.some((scope) => scope.fields?.read !== undefined) === true) return false;
  const roles = fate.field.access?.read;
  const { adminRole } = schema.access;
  return (
    roles === undefined ||
    access.grants.some(({ role }) => roles.includes(role) || role === adminRole)
  );
}
