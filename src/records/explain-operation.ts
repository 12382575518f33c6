import { rowFilterRules } from '../auth/access.ts';
import type { NamedKey } from '../auth/explain-roles.ts';
import { explainRoles } from '../auth/explain-roles.ts';
import type { Explained } from '../auth/explain-rules.ts';
import {
  fieldReasons,
  maskReasons,
  referenceReasons,
  rowFilterReason,
} from '../auth/explain-rules.ts';
import { sightOf } from '../auth/sight.ts';
import { acceptsIdentity } from '../auth/strategy-choice.ts';
import type {
  AccessLayer,
  Explanation,
  LayerVerdict,
  RowFigures,
} from '../contract/explanation.ts';
import { accessLayers } from '../contract/explanation.ts';
import type { Identity } from '../contract/identity.ts';
import type { Operation } from '../contract/kinds.ts';
import type { ErrorCode } from '../errors.ts';
import { errorCodes, VelocityError, validationError } from '../errors.ts';
import { planGet } from '../query/compile-get.ts';
import type { CompiledSchema } from '../schema/compile.ts';
import { countRows } from './count-rows.ts';
import type { JudgedOperation, PolicyVerdict } from './explain-policies.ts';
import { explainPolicies, explainStanding } from './explain-policies.ts';
import type { Parties, RowVerdict } from './explain-record.ts';
import { explainRecord, explainRow } from './explain-record.ts';
import { otherSchemas, requireRecordId } from './get-record.ts';
import type { RecordValues } from './record-input.ts';
import { requireWritable } from './record-input.ts';
import { recordValidator } from './record-validator.ts';
import type { RequestContext } from './request-context.ts';
import { authorizeWrite, findReadAccess } from './request-context.ts';

export interface ExplainQuestion {
  /** Whose access; its rights are used for what it may see, never for what the asker is told. */
  readonly identity: Identity;
  readonly isSelf: boolean;
  /** The key whose limits `identity` has, where its name is known. */
  readonly key: NamedKey | undefined;
  readonly operation: Exclude<Operation, '*'>;
  readonly id?: string;
  /** Values of a new record, or changes of the record `id`. */
  readonly record?: RecordValues;
  readonly include?: readonly string[];
  /** Whether the asker administers the schema, and so reads its manifest. */
  readonly administers: boolean;
}

/** A layer's say without its place; `code` is what the endpoint answers where it denies. */
interface Say extends Omit<LayerVerdict, 'layer' | 'name'> {
  readonly code?: ErrorCode;
}

const skipped: Say = { verdict: 'skipped', rules: [] };

/**
 * Which rule of which layer allows or denies an operation: the decisions that requests are answered by,
 * asked for their reasons. `ctx` is the asker's.
 */
export async function explainOperation(
  ctx: RequestContext,
  schema: CompiledSchema,
  asked: ExplainQuestion,
): Promise<Explanation> {
  const { identity, operation, id, record } = asked;
  const nowMs = ctx.deps.now();
  const question = { identity, snapshot: ctx.snapshot, schema, operation, nowMs };
  const sight = sightOf(findReadAccess(ctx, schema), asked.administers);
  const { decision, rules } = explainRoles(question, asked.key);
  const says: Partial<Record<AccessLayer, Say>> = {};
  const explanation = (rows?: RowFigures): Explanation =>
    conclude(schema, asked, says, { rows, besides: besidesOf(ctx, schema, asked) });
  if (decision instanceof VelocityError) {
    says.rbac = { verdict: 'deny', rules, code: decision.code };
    return explanation();
  }
  says.rbac = { verdict: 'allow', rules };
  const explained: Explained = { schema, access: decision, sight, isSelf: asked.isSelf };
  const parties: Parties = { asker: ctx, actor: { ...ctx, identity } };
  const writes = isWrite(operation);
  const judged: JudgedOperation = { operation, id, record, seen: undefined };
  says.policies = sayPolicies(explainStanding(parties, explained, { ...judged, id: undefined }));
  if (says.policies.verdict === 'deny') return explanation();
  if (id !== undefined) requireRecordId(schema, id);
  if (record !== undefined && !(asked.isSelf && writes)) requireKnown(explained, record, writes);
  says['cross-schema'] = explainIncludes(parties, explained, asked.include);
  if (says['cross-schema'].verdict === 'deny') return explanation();
  says.fields = explainFields(explained, writes, record);
  const masks = maskReasons(explained);
  says.masks = masks.length === 0 ? skipped : { verdict: 'allow', rules: masks };
  if (says.fields.verdict === 'deny') return explanation();
  if (record !== undefined) requireFitting(schema, record);
  says.policies = sayPolicies(explainStanding(parties, explained, judged));
  if (says.policies.verdict === 'deny') return explanation();
  if (id === undefined && record === undefined) {
    says['row-filter'] = explainRowFilter(explained);
    const rows = operation === 'create' ? undefined : await rowFigures(parties, explained);
    says.rls = { verdict: rows === undefined ? 'skipped' : 'allow', rules: [] };
    return explanation(rows);
  }
  const sayRow = (row: RowVerdict): void => {
    says['row-filter'] = { ...row.rowFilter, rules: row.filters };
    says.rls = { ...row.rls, rules: [], ...(row.code !== undefined && { code: row.code }) };
  };
  let seen: RecordValues | undefined;
  if (id !== undefined) {
    // A record in reach first, and then what it would become.
    const reach = await explainRecord(parties, explained, { id, deleted: operation === 'history' });
    seen = reach.seen;
    sayRow(reach);
    if (reach.code !== undefined) return explanation();
  }
  const policies = await explainPolicies(parties, explained, { ...judged, seen });
  says.policies = sayPolicies(policies);
  if (policies.denied || (id !== undefined && record === undefined)) return explanation();
  const row = await explainRow(parties, explained, { values: record ?? {}, id, writes });
  if (row !== undefined) sayRow(row);
  return explanation();
}

function sayPolicies({ rules, denied }: PolicyVerdict): Say {
  if (rules.length === 0) return skipped;
  return denied ? { verdict: 'deny', rules, code: 'POLICY_DENIED' } : { verdict: 'allow', rules };
}

function isWrite(operation: Operation): operation is 'create' | 'update' | 'delete' {
  return operation === 'create' || operation === 'update' || operation === 'delete';
}

/**
 * The asker names fields, so they must be fields to the asker: one that is hidden and one that does
 * not exist are one answer. What the asker may know of, layer 5 judges in a write.
 */
function requireKnown({ schema, sight }: Explained, record: RecordValues, writes: boolean): void {
  const unknown = Object.keys(record).filter(
    (name) => !sight.knows(name) || !(writes || schema.fields.has(name)),
  );
  if (unknown.length === 0) return;
  const names = unknown.map((name) => JSON.stringify(name)).join(', ');
  throw new VelocityError(
    'UNKNOWN_FIELD',
    `${schema.name} ${schema.version} has no field ${names}.`,
    {
      details: { fields: unknown },
    },
  );
}

/** A value that does not fit its column could be held against nothing. */
function requireFitting(schema: CompiledSchema, record: RecordValues): void {
  const problems = recordValidator(schema)(record);
  if (problems.length === 0) return;
  throw validationError(
    'The record to judge is not valid.',
    problems.map((problem) => ({ ...problem, pointer: `/record${problem.pointer}` })),
  );
}

function explainIncludes(
  { actor }: Parties,
  explained: Explained,
  include: readonly string[] | undefined,
): Say {
  const { schema, access } = explained;
  const nowMs = actor.deps.now();
  const rules = referenceReasons(explained, { ...actor, nowMs });
  if (include === undefined) return { ...skipped, rules };
  try {
    const named = include.map((name, place) => ({ name, pointer: `/include/${place}` }));
    planGet({ schema, access, query: { include: named }, ...otherSchemas(actor, []) });
    return { verdict: 'allow', rules };
  } catch (error) {
    if (!(error instanceof VelocityError)) throw error;
    return { verdict: 'deny', rules, message: error.message, code: error.code };
  }
}

function explainFields(
  explained: Explained,
  writes: boolean,
  record: RecordValues | undefined,
): Say {
  const rules = fieldReasons(explained, writes);
  if (!writes || record === undefined) return { verdict: 'allow', rules };
  try {
    requireWritable(explained.schema, explained.access, record);
    return { verdict: 'allow', rules };
  } catch (error) {
    if (!(error instanceof VelocityError)) throw error;
    return { verdict: 'deny', rules, message: error.message, code: error.code };
  }
}

function explainRowFilter(explained: Explained): Say {
  const { schema, access } = explained;
  const filters = rowFilterRules(schema, access.grants);
  if (filters === undefined) {
    const filtered = (schema.spec.access.rowFilter ?? []).length > 0;
    const message = filtered
      ? 'A role without a row filter sees every row.'
      : 'There is no row filter.';
    return { verdict: 'allow', rules: [], message };
  }
  return { verdict: 'allow', rules: filters.map((rule) => rowFilterReason(explained, rule)) };
}

/**
 * How much of a list is there. What row-level security hides is the difference to what the asker sees,
 * in the asker's own session: who does not see those rows is not told how many there are.
 */
async function rowFigures({ actor, asker }: Parties, explained: Explained): Promise<RowFigures> {
  const { schema, access, sight } = explained;
  const visible = await countRows(actor, schema, access, 'list');
  if (sight.access === undefined || !sight.seesAll) {
    const message = 'How many rows are hidden is told to those who see all of them.';
    return { visible, hiddenByRls: null, message };
  }
  const shown = await countRows(actor, schema, access, 'rls');
  const all = await countRows(asker, schema, sight.access, 'list');
  const count = Math.max(0, all.count - shown.count);
  return { visible, hiddenByRls: { count, estimated: all.estimated || shown.estimated } };
}

/** What refuses beside the layers: other credentials, a freeze, a version that moves, no reason. */
function besidesOf(
  ctx: RequestContext,
  schema: CompiledSchema,
  { identity, operation }: ExplainQuestion,
): Explanation['besides'] | undefined {
  if (!acceptsIdentity(identity, schema, operation, ctx.snapshot)) {
    const message = 'The AuthStrategy of the schema takes other credentials for this.';
    return { code: 'AUTH_INVALID_TOKEN', message };
  }
  if (!isWrite(operation)) return undefined;
  try {
    const { reason: _, ticketRef: __, ...rest } = ctx;
    authorizeWrite({ ...rest, identity }, schema, operation);
    return undefined;
  } catch (error) {
    if (!(error instanceof VelocityError)) throw error;
    const denial = error.status === 403 || error.status === 404;
    return denial ? undefined : { code: error.code, message: error.message };
  }
}

function conclude(
  schema: CompiledSchema,
  { identity, operation, key, id }: ExplainQuestion,
  says: Partial<Record<AccessLayer, Say>>,
  {
    rows,
    besides,
  }: {
    readonly rows: RowFigures | undefined;
    readonly besides: Explanation['besides'] | undefined;
  },
): Explanation {
  const layers = accessLayers.map((name, place): LayerVerdict => {
    const { verdict, rules, message } = says[name] ?? skipped;
    return { layer: place + 1, name, verdict, rules, ...(message !== undefined && { message }) };
  });
  const code = Object.values(says).find((say) => say.code !== undefined)?.code;
  const denying = layers.find(({ verdict }) => verdict === 'deny');
  const may = `${identity.actor} ${code === undefined ? 'may' : 'may not'} ${operation}`;
  const what = id === undefined ? schema.path : `record ${id} of ${schema.path}`;
  const by = denying === undefined ? '' : `: layer ${denying.layer} (${denying.name}) denies`;
  return {
    allowed: code === undefined,
    ...(code !== undefined && { status: errorCodes[code][0], code }),
    message: `${may} ${what}${code === undefined ? '' : by}.`,
    ...{ actor: identity.actor, operation, schema: schema.path },
    ...(key?.name !== undefined && { key: key.name }),
    ...(id !== undefined && { id }),
    layers,
    ...(rows !== undefined && { rows }),
    ...(besides !== undefined && { besides }),
  };
}
