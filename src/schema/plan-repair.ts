import { createHash } from 'node:crypto';
import { canonical } from './canonical.ts';
import type { DriftItem } from './compare-shapes.ts';
import { describeDrift, propagateTrigger } from './compare-shapes.ts';
import type { DesiredSchema } from './desired-schema.ts';
import type { ChangeClass } from './diff.ts';
import { quoteIdentifier, quoteQualified } from './identifier.ts';
import { keepIds, keepsIds } from './partitioning.ts';
import type { PlanStep } from './plan-step.ts';
import { planStep, worstOf } from './plan-step.ts';
import { putAside, repairColumns } from './repair-columns.ts';
import { repairConstraint, repairIndex } from './repair-constraints.ts';
import { historyAndAudit, rowLevelSecurity, syncHistory, watchDeletes } from './table-ddl.ts';

export interface RepairInput {
  /** The active revision's spec, in its place. */
  readonly desired: DesiredSchema;
  readonly revision: number;
  readonly pgTable: string;
  readonly columnTypes: ReadonlyMap<string, string>;
  readonly items: readonly DriftItem[];
}

export interface RepairPlan {
  /** SHA-256 of what is served and of the steps: what an approval is for. */
  readonly hash: string;
  readonly steps: readonly PlanStep[];
  /** breaking: values are lost, or the table is written anew while everybody waits. */
  readonly class: ChangeClass;
  /** What stays as it is, and why. */
  readonly refused: readonly { readonly summary: string; readonly why: string }[];
}

/** What one difference takes, or why it cannot be put right from here. */
export type Repair =
  | { readonly steps: readonly PlanStep[] }
  | { readonly refused: string }
  /** Done by a step that several differences share. */
  | { readonly shared: SharedStep };

type SharedStep = 'policies' | 'history' | 'ids';

/** Shared steps come in this order, after columns are there and before rights are given back. */
const sharedSteps: readonly SharedStep[] = ['policies', 'ids', 'history'];

export interface RepairPlace {
  readonly pgNamespace: string;
  readonly pgTable: string;
  /** Quoted and qualified. */
  readonly table: string;
  readonly partitioned: boolean;
  /** Of the active revision. */
  readonly revision: number;
  /** Brings the functions of history up to the columns that the table has then. */
  readonly syncHistory: string;
}

/**
 * The steps that put a table back to what its active revision says, in the order that they need: what
 * is too much goes first, then columns, what holds them together, and who may do what. Each may be
 * repeated.
 */
export function planRepair(input: RepairInput): RepairPlan {
  const { desired, pgTable, items } = input;
  const { pgNamespace } = desired;
  const table = quoteQualified(pgNamespace, pgTable);
  const partitioned = desired.spec.partitioning?.enabled === true;
  const { revision } = input;
  const sync = syncHistory(desired, pgTable, revision);
  const place = { pgNamespace, pgTable, table, partitioned, revision, syncHistory: sync };
  const refused: { summary: string; why: string }[] = [];
  const steps: { order: number; step: PlanStep }[] = [];
  const shared = new Set<SharedStep>();
  const take = (item: DriftItem, repair: Repair): void => {
    if ('refused' in repair) refused.push({ summary: describeDrift(item), why: repair.refused });
    else if ('shared' in repair) shared.add(repair.shared);
    else for (const step of repair.steps) steps.push({ order: orderOf(item), step });
  };
  for (const { item, repair, alsoPolicies } of repairColumns(items, place)) {
    take(item, repair);
    // A policy holds on to the columns that it reads, and steps aside for a change of type.
    if (alsoPolicies) shared.add('policies');
  }
  for (const item of items) if (item.kind !== 'column') take(item, repairPart(item, place, input));
  for (const one of sharedSteps) {
    if (shared.has(one)) steps.push({ order: sharedOrder, step: sharedStep(one, input, table) });
  }
  const all = steps.sort((a, b) => a.order - b.order).map(({ step }) => step);
  const hash = createHash('sha256')
    .update(canonical(['repair', input.revision, desired.spec, all.map(({ sql }) => sql)]))
    .digest('hex');
  return { hash, steps: all, class: worstOf(all), refused };
}

/** Too much (0), columns (1), constraints and indexes (2), then what is shared, then rights (4). */
function orderOf({ kind, difference }: DriftItem): number {
  if (difference === 'unexpected' && kind !== 'column') return 0;
  if (kind === 'column' || kind === 'table') return 1;
  return kind === 'constraint' || kind === 'index' ? 2 : 4;
}
const sharedOrder = 3;

function sharedStep(
  which: SharedStep,
  { desired, revision, pgTable, columnTypes }: RepairInput,
  table: string,
): PlanStep {
  switch (which) {
    case 'policies':
      return planStep(
        'change',
        'row-level security',
        rowLevelSecurity(desired, table, columnTypes),
      );
    case 'ids':
      return planStep('change', 'ids of all partitions', keepIds(desired.pgNamespace, pgTable));
    case 'history':
      return planStep('change', 'history and audit', historyAndAudit(desired, pgTable, revision));
  }
}

const superuserOnly =
  'it belongs to velocity_audit, which nobody logs in as: a superuser puts it back';

function repairPart(item: DriftItem, place: RepairPlace, input: RepairInput): Repair {
  const { kind, name, difference } = item;
  const { table } = place;
  const change = (what: string, sql: string): Repair => ({
    steps: [planStep('change', what, sql)],
  });
  switch (kind) {
    case 'table':
      return repairTable(item, place);
    case 'right':
      return change(`rights of ${name}`, rightsSql(item, table));
    case 'policy':
      if (difference !== 'unexpected') return { shared: 'policies' };
      return change(
        `drop policy ${name}`,
        `drop policy if exists ${quoteIdentifier(name)} on ${table}`,
      );
    case 'rule':
      return change(
        `drop rule ${name}`,
        `drop rule if exists ${quoteIdentifier(name)} on ${table}`,
      );
    case 'trigger':
      return repairTrigger(item, place, input);
    case 'constraint':
      return repairConstraint(item, place);
    case 'index':
      return repairIndex(item, place);
    case 'history function':
      if (item.actual?.includes('owner velocity_audit') === false)
        return { refused: superuserOnly };
      return change('functions of history', place.syncHistory);
    case 'history column':
      if (difference === 'missing') return change('columns of history', place.syncHistory);
      if (difference === 'changed') return { refused: superuserOnly };
      // Where the table has it too, the two go together: history's functions know of both or of neither.
      if (input.items.some((one) => one.kind === 'column' && one.name === name))
        return { steps: [] };
      return change(
        `put ${name} aside in history`,
        `${putAside(name, place)};\n${place.syncHistory}`,
      );
    case 'ids function':
      return { shared: 'ids' };
    default:
      return { refused: kind.startsWith('history') ? superuserOnly : 'a person puts it back' };
  }
}

function repairTable(
  { difference, expected = '', actual = '' }: DriftItem,
  { table }: RepairPlace,
): Repair {
  if (difference === 'missing') {
    return { refused: 'its records are gone: restore them from a backup' };
  }
  const said = (text: string, word: string): string | undefined =>
    new RegExp(`${word} ([^,]+)`).exec(text)?.[1];
  const differs = (word: string): boolean => said(expected, word) !== said(actual, word);
  if (differs('owner')) {
    return { refused: `a superuser runs: alter table ${table} owner to velocity_operator` };
  }
  if (differs('partitioned by')) return { refused: 'records are moved by a change of the schema' };
  const sql = [
    `alter table ${table} enable row level security, force row level security`,
    ...(differs('persistence') ? [`alter table ${table} set logged`] : []),
  ].join(';\n');
  const over = differs('persistence') ? ({ class: 'breaking', rewrites: true } as const) : {};
  return { steps: [planStep('change', 'the table itself', sql, over)] };
}

function repairTrigger(
  item: DriftItem,
  { pgNamespace, table }: RepairPlace,
  input: RepairInput,
): Repair {
  const { name, difference, expected, actual = '' } = item;
  const step = (what: string, sql: string, over: Partial<PlanStep> = {}): Repair => ({
    steps: [planStep('change', what, sql, { lock: 'SHARE ROW EXCLUSIVE', ...over })],
  });
  const [trigger = name, partition] = name.split(' of ');
  const on = partition === undefined ? table : quoteQualified(pgNamespace, partition);
  const enabled = `alter table ${on} enable trigger ${quoteIdentifier(trigger)}`;
  if (partition !== undefined) return step(`enable ${name}`, enabled);
  if (difference === 'unexpected') {
    return step(
      `drop trigger ${name}`,
      `drop trigger if exists ${quoteIdentifier(name)} on ${table}`,
      {
        lock: 'ACCESS EXCLUSIVE',
      },
    );
  }
  if (actual.replace(/ \((disabled|fires .)\)$/, '') === expected) {
    return step(`enable trigger ${name}`, enabled);
  }
  if (name === propagateTrigger) return step('watch deletes', watchDeletes(table));
  const ofIds = keepsIds(input.desired.spec) && name.endsWith('_ids');
  return { shared: ofIds ? 'ids' : 'history' };
}

/** `velocity_x`, or `velocity_x on column`. What it should not have is taken first. */
function rightsSql({ name, expected, actual }: DriftItem, table: string): string {
  const [grantee = '', column] = name.split(' on ');
  const who = grantee === 'public' ? 'public' : quoteIdentifier(grantee);
  const on = (rights: string): string => {
    const named = rights.replaceAll('*', '');
    if (column === undefined) return `${named} on ${table}`;
    return `${named
      .split(',')
      .map((one) => `${one} (${quoteIdentifier(column)})`)
      .join(', ')} on ${table}`;
  };
  return [
    ...(actual === undefined ? [] : [`revoke ${on(actual)} from ${who}`]),
    ...(expected === undefined ? [] : [`grant ${on(expected)} to ${who}`]),
  ].join('; ');
}
