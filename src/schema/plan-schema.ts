import { createHash } from 'node:crypto';
import type { Field, SchemaDefinitionSpec } from '../contract/kinds.ts';
import { canonical } from './canonical.ts';
import { foreignKeyName, recordTableName, schemaPath } from './compile.ts';
import type { DesiredSchema } from './desired-schema.ts';
import type { ChangeClass, SchemaChange } from './diff.ts';
import { diffSchemas } from './diff.ts';
import { quoteIdentifier, quoteQualified } from './identifier.ts';
import {
  createIdsTable,
  dropIds,
  idsKeyName,
  idsTableName,
  keepsIds,
  namePartitionParts,
  partitioningOf,
  syncPartitions,
} from './partitioning.ts';
import { planChange } from './plan-change.ts';
import { planRebuild } from './plan-rebuild.ts';
import type { PlanStep } from './plan-step.ts';
import { planStep, worstOf } from './plan-step.ts';
import { checkOf, columnDefinition, plannedIndexes } from './record-table.ts';
import { rowPolicy } from './row-policy.ts';
import type { ReferenceTarget, SchemaReference } from './schema-references.ts';
import { columnTypesOf, planReferences } from './schema-references.ts';

import {
  createTable,
  historyAndAudit,
  rowLevelSecurity,
  syncHistory,
  tableRights,
  watchDeletes,
} from './table-ddl.ts';
import { ruleCheck, ruleName, rulePrefix, validationRules } from './validation-rule.ts';

/** What the database has of a schema now. */
export interface LiveTable {
  readonly columns: ReadonlySet<string>;
  readonly constraints: ReadonlySet<string>;
  readonly indexes: ReadonlySet<string>;
  /** As Postgres estimates them. */
  readonly rows: number;
  /** Whether there is no row at all, deleted ones included. */
  readonly empty: boolean;
  /** Columns that records of other schemas refer to, with the tables that do. */
  readonly referred: ReadonlyMap<string, readonly string[]>;
  /** Tables whose records refer to these by any column, its own among them. */
  readonly referrers: readonly string[];
  /** As `range (due)`; undefined: one table holds all. */
  readonly partitionKey: string | undefined;
}

export interface SchemaPlan {
  /** SHA-256 of what is served, what is wanted and the steps between: what an approval is for. */
  readonly hash: string;
  /** What changes, as a person would say it; empty for a new schema. */
  readonly changes: readonly SchemaChange[];
  readonly steps: readonly PlanStep[];
  /** The most disturbing of its changes and steps. */
  readonly class: ChangeClass;
  /** Set when the change cannot be done to a table that serves; then there are no steps. */
  readonly refused?: { readonly reason: string; readonly message: string };
  readonly pgTable: string;
  readonly references: readonly SchemaReference[];
  /** Rows that its scans and backfills will read, as Postgres estimates them. */
  readonly rows: number;
}

export interface PlanInput {
  readonly desired: DesiredSchema;
  readonly active: { readonly revision: number; readonly spec: SchemaDefinitionSpec } | undefined;
  readonly live: LiveTable | undefined;
  /** Number of the revision that the plan leads to; by default the active one's successor. */
  readonly revision?: number;
  /** Active schemas by path: where references lead. */
  readonly targets: ReadonlyMap<string, ReferenceTarget>;
  /** Somebody froze it by hand, whatever its spec says. */
  readonly frozen?: boolean;
}

/**
 * The ordered steps from what is to what is wanted. The same input always gives the same plan and
 * the same hash; what has been done of it already does not matter, since every step may be repeated.
 */
export function planSchema(input: PlanInput): SchemaPlan {
  const { desired, active, live } = input;
  const revision = input.revision ?? (active?.revision ?? 0) + 1;
  const pgTable = recordTableName(desired.name, desired.spec.version);
  const references = planReferences(desired, input.targets, pgTable);
  const place = { pgTable, references, rows: live?.rows ?? 0 };
  if (active === undefined) {
    const steps = planCreation(input, place, revision);
    // A table that was made half an hour ago and one that was not are the same plan.
    const plan = { ...place, hash: hashOf(input, []), changes: [], steps, class: 'safe' } as const;
    const refused = creationRefusal(input);
    return refused === undefined ? plan : { ...plan, steps: [], refused };
  }
  const { changes, steps } = planUpdate(input, active, place, revision);
  const refused = refusalOf(changes) ?? frozenRefusal(input, active.spec, changes);
  const done = refused === undefined ? steps : [];
  return {
    ...place,
    hash: hashOf(input, done),
    changes,
    steps: done,
    class: worstOf([...changes, ...done]),
    ...(refused !== undefined && { refused }),
  };
}

interface Place {
  readonly pgTable: string;
  readonly references: readonly SchemaReference[];
}

function planUpdate(
  { desired, targets, live, frozen }: PlanInput,
  active: NonNullable<PlanInput['active']>,
  { pgTable, references }: Place,
  revision: number,
): { changes: readonly SchemaChange[]; steps: PlanStep[] } {
  const before = columnTypesOf({ ...desired, spec: active.spec }, targets);
  const after = columnTypesOf(desired, targets);
  const activeType = (field: Field): string => before.get(field.name) ?? 'text';
  const desiredType = (field: Field): string => after.get(field.name) ?? 'text';
  const diff = diffSchemas({
    active: active.spec,
    desired: desired.spec,
    activeType,
    desiredType,
    empty: live?.empty ?? true,
    referred: live?.referred ?? new Map(),
    referrers: live?.referrers ?? [],
  });
  if (diff.changes.some(({ refused }) => refused !== undefined)) {
    return { changes: diff.changes, steps: [] };
  }
  const { pgNamespace } = desired;
  const table = quoteQualified(pgNamespace, pgTable);
  const rebuilt = diff.changes.some(({ kind }) => kind === 'changePartitioning');
  const typeOf = desiredType;
  const place = { ...desired, path: schemaPath({ ...desired, version: desired.spec.version }) };
  const samePolicy =
    rowPolicy(place, active.spec, before) === rowPolicy(place, desired.spec, after);
  const steps = rebuilt
    ? planRebuild({ desired, pgTable, references, typeOf })
    : planChange({
        ...{ diff, active, desired: desired.spec, pgNamespace, pgTable, activeType, desiredType },
        ...{ references, samePolicy },
        liveConstraints: live?.constraints ?? new Set(),
        syncHistory: syncHistory({ ...desired, spec: active.spec }, pgTable, active.revision),
      });
  const known = new Set(active.spec.fields.map(({ name }) => name));
  const followed = references.filter(
    ({ column }) =>
      !known.has(column) ||
      diff.changes.some(({ kind, field }) => field === column && kind.endsWith('Reference')),
  );
  // Rights on a target come before the first statement that reads it.
  return {
    changes: diff.changes,
    steps: [
      ...followed.flatMap((reference) => referenceRights(desired, reference, 'change')),
      ...(rebuilt || diff.changes.length === 0
        ? []
        : morePartitions(desired, active.spec, pgTable)),
      ...steps,
      ...(steps.some(({ mode }) => mode === 'swap')
        ? lastSteps(desired, table, pgTable, after, revision, 'swap', frozen)
        : [nameRevision(desired, pgTable, revision), ...freezing(active.spec, desired, table)]),
    ],
  };
}

/** One in a transaction: each may move rows out of the default partition while the table is locked. */
function morePartitions(
  { pgNamespace, spec }: DesiredSchema,
  active: SchemaDefinitionSpec,
  pgTable: string,
): PlanStep[] {
  const field = partitioningOf(active)?.field;
  if (field === undefined) return [];
  const place = { pgNamespace, pgTable };
  const sql = syncPartitions(place, spec, { table: pgTable, field, most: 1 });
  if (sql === undefined) return [];
  return [planStep('change', 'make partitions', sql, { repeats: true, class: 'online' })];
}

/** Until the table serves nobody waits for it: all of it is made in one transaction. */
function planCreation(input: PlanInput, { pgTable, references }: Place, revision: number) {
  const { desired, targets, live, frozen } = input;
  const table = quoteQualified(desired.pgNamespace, pgTable);
  const columnTypes = columnTypesOf(desired, targets);
  const typeOf = (field: Field): string => columnTypes.get(field.name) ?? 'text';
  const steps: PlanStep[] = [];
  const step = (name: string, sql: string): void => {
    steps.push(planStep('change', name, sql));
  };
  const known = live?.partitionKey === partitionKeyOf(desired) ? live : undefined;
  if (live !== undefined && known === undefined) {
    // Made for an earlier spec, never served and empty (refusedCreation): it is made anew.
    step('drop the table', `drop table ${table}; ${dropIds(desired.pgNamespace, pgTable)}`);
  }
  if (known === undefined) step('create the table', createTable(desired, pgTable, typeOf));
  else addMissing(desired, pgTable, typeOf, known, step);
  if (keepsIds(desired.spec)) {
    const sql = createIdsTable(desired.pgNamespace, idsTableName(pgTable), idsKeyName(pgTable));
    step('keep its ids', sql);
  }
  for (const index of plannedIndexes(pgTable, desired.spec, typeOf)) {
    const kind = index.unique ? 'unique index' : 'index';
    const name = quoteIdentifier(index.name);
    const sql = `create ${kind} if not exists ${name} on ${table} ${index.definition}`;
    step(`index ${index.name}`, sql);
  }
  // Before the references: each keeps others from its target until the end of the transaction.
  const place = { pgNamespace: desired.pgNamespace, pgTable };
  const partitions = syncPartitions(place, desired.spec, { table: pgTable });
  if (partitions !== undefined) step('partitions', partitions);
  for (const reference of references) {
    steps.push(...referenceRights(desired, reference, 'change'));
    const name = foreignKeyName(pgTable, reference.column);
    if (known?.constraints.has(name) === true) continue;
    const target = quoteQualified(reference.targetNamespace, reference.targetTable);
    const column = quoteIdentifier(reference.column);
    step(
      `reference ${reference.column}`,
      `alter table ${table} drop constraint if exists ${quoteIdentifier(name)},
         add constraint ${quoteIdentifier(name)} foreign key (${column})
         references ${target} (${quoteIdentifier(reference.targetColumn)})`,
    );
  }
  return [...steps, ...lastSteps(desired, table, pgTable, columnTypes, revision, 'change', frozen)];
}

function partitionKeyOf({ spec }: DesiredSchema): string | undefined {
  const planned = partitioningOf(spec);
  return planned && `${planned.strategy} (${planned.field})`;
}

function creationRefusal({ desired, live }: PlanInput): SchemaPlan['refused'] {
  if (live === undefined || live.empty || live.partitionKey === partitionKeyOf(desired)) {
    return undefined;
  }
  const message = `the table is there, holds records and is partitioned otherwise (${live.partitionKey ?? 'not at all'}). Serve it as it is, and change the partitioning then`;
  return { reason: 'MigrationNotSupported', message };
}

/** A table that was made for an earlier spec and has never served. */
function addMissing(
  desired: DesiredSchema,
  pgTable: string,
  typeOf: (field: Field) => string,
  live: LiveTable,
  step: (name: string, sql: string) => void,
): void {
  const table = quoteQualified(desired.pgNamespace, pgTable);
  for (const field of desired.spec.fields) {
    if (live.columns.has(field.name)) continue;
    const definition = columnDefinition(field, typeOf(field), false);
    step(`add ${field.name}`, `alter table ${table} add column if not exists ${definition}`);
    const check = checkOf(pgTable, field, typeOf(field));
    if (check === undefined) continue;
    const name = quoteIdentifier(check.name);
    step(
      `constrain ${field.name}`,
      `alter table ${table} drop constraint if exists ${name}, add constraint ${name} check (${check.expression})`,
    );
  }
  const rules = new Map(
    validationRules(desired.spec, typeOf).map((rule) => [ruleName(pgTable, rule), rule]),
  );
  const stale = [...live.constraints].filter(
    (name) => name.startsWith(rulePrefix) && !rules.has(name),
  );
  for (const [name, rule] of rules) {
    if (live.constraints.has(name)) continue;
    const check = ruleCheck(rule, quoteIdentifier);
    step(
      `constrain ${name}`,
      `alter table ${table} add constraint ${quoteIdentifier(name)} check (${check})`,
    );
  }
  for (const name of stale)
    step(`drop ${name}`, `alter table ${table} drop constraint ${quoteIdentifier(name)}`);
}

function referenceRights(
  desired: DesiredSchema,
  reference: SchemaReference,
  mode: 'change' | 'swap',
): PlanStep[] {
  const target = quoteQualified(reference.targetNamespace, reference.targetTable);
  const steps: PlanStep[] = [];
  if (reference.targetNamespace !== desired.pgNamespace) {
    const role = quoteIdentifier(desired.pgRole);
    const sql = `grant usage on schema ${quoteIdentifier(reference.targetNamespace)} to ${role};
      grant select on ${target} to ${role}`;
    steps.push(planStep(mode, `read the target of ${reference.column}`, sql));
  }
  const name = `watch deletes of the target of ${reference.column}`;
  return [...steps, planStep(mode, name, watchDeletes(target), { lock: 'SHARE ROW EXCLUSIVE' })];
}

/** The table is as it was, and history names the new revision: no lock is taken on records. */
function nameRevision(desired: DesiredSchema, pgTable: string, revision: number): PlanStep {
  const sql = syncHistory(desired, pgTable, revision);
  return planStep('swap', 'name the revision in history', sql, { lock: 'none', blocks: false });
}

/** Who may write changes without a lock, too. */
function freezing(active: SchemaDefinitionSpec, desired: DesiredSchema, table: string): PlanStep[] {
  const isFrozen = desired.spec.lifecycle?.frozen === true;
  if ((active.lifecycle?.frozen === true) === isFrozen) return [];
  const sql = tableRights(table, desired.pgRole, isFrozen);
  return [planStep('swap', 'rights', sql, { lock: 'none', blocks: false })];
}

function lastSteps(
  desired: DesiredSchema,
  table: string,
  pgTable: string,
  columnTypes: ReadonlyMap<string, string>,
  revision: number,
  mode: 'change' | 'swap',
  frozen: boolean | undefined,
): PlanStep[] {
  const { pgNamespace, spec } = desired;
  const isFrozen = frozen === true || spec.lifecycle?.frozen === true;
  const partitioned = mode === 'swap' && partitioningOf(spec) !== undefined;
  return [
    planStep(mode, 'row-level security', rowLevelSecurity(desired, table, columnTypes)),
    planStep(mode, 'history and audit', historyAndAudit(desired, pgTable, revision)),
    planStep(mode, 'rights', tableRights(table, desired.pgRole, isFrozen)),
    ...(partitioned
      ? [planStep(mode, 'partitions', namePartitionParts(pgNamespace, pgTable))]
      : []),
  ];
}

function refusalOf(changes: readonly SchemaChange[]): SchemaPlan['refused'] {
  const refused = changes.filter((change) => change.refused !== undefined);
  if (refused.length === 0) return undefined;
  const obstacles = refused.map((change) => `it cannot ${change.summary}: ${change.refused}`);
  return {
    reason: 'MigrationNotSupported',
    message: `the active revision goes on serving; ${obstacles.join('. And ')}.`,
  };
}

/** A frozen schema changes in one thing alone: that it is no longer frozen, or from now on. */
function frozenRefusal(
  { desired: { spec, name, namespace }, frozen }: PlanInput,
  active: SchemaDefinitionSpec,
  changes: readonly SchemaChange[],
): SchemaPlan['refused'] {
  const bySpec = active.lifecycle?.frozen === true && spec.lifecycle?.frozen === true;
  if (!bySpec && frozen !== true) return undefined;
  if (changes.length === 0 && canonical(active) === canonical(spec)) return undefined;
  const lifted = bySpec
    ? 'spec.lifecycle.frozen is lifted'
    : `somebody runs: velocity schema unfreeze ${name} -n ${namespace}`;
  return { reason: 'Frozen', message: `the schema is frozen: changes wait until ${lifted}` };
}

/** However false and absent are spelt: where they make a difference, so do the statements. */
function hashOf({ desired, active }: PlanInput, steps: readonly PlanStep[]): string {
  const text = canonical([
    active === undefined ? null : [active.revision, active.spec],
    desired.spec,
    steps.map((step) => [step.name, step.mode, step.class, step.sql]),
  ]);
  return createHash('sha256').update(text).digest('hex');
}
