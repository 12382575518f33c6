import { createHash } from 'node:crypto';
import type { Field, SchemaDefinitionSpec } from '../contract/kinds.ts';
import { columnType } from './column-type.ts';
import {
  foreignKeyName,
  historyTableName,
  recordTableName,
  referenceKeyType,
  referencePath,
  schemaPath,
} from './compile.ts';
import { refusedChange } from './diff.ts';
import { postgresName, quoteIdentifier, quoteLiteral, quoteQualified } from './identifier.ts';
import { checkOf, columnDefinition, plannedIndexes } from './record-table.ts';
import { rowPolicy } from './row-policy.ts';

/** A desired schema in its place: the spec, and where its domain lives in Postgres. */
export interface DesiredSchema {
  readonly organisation: string;
  readonly application: string;
  readonly domain: string;
  readonly namespace: string;
  readonly name: string;
  readonly spec: SchemaDefinitionSpec;
  readonly pgNamespace: string;
  readonly pgRole: string;
}

/** What the database has of it now. */
export interface LiveTable {
  readonly columns: ReadonlySet<string>;
  readonly constraints: ReadonlySet<string>;
  readonly indexes: ReadonlySet<string>;
}

export interface PlanStep {
  readonly name: string;
  readonly sql: string;
  /** CREATE INDEX CONCURRENTLY: runs outside a transaction. `index` is rebuilt when it is invalid. */
  readonly concurrently: boolean;
  readonly index?: string;
}

export interface SchemaPlan {
  /** SHA-256 of the desired spec and the steps. */
  readonly hash: string;
  readonly steps: readonly PlanStep[];
  /** Set when the change needs what this release does not do; then there are no steps. */
  readonly refused?: { readonly reason: string; readonly message: string };
  readonly pgTable: string;
  readonly references: readonly SchemaReference[];
}

export interface SchemaReference {
  readonly column: string;
  /** Path of the target schema. */
  readonly target: string;
  readonly targetNamespace: string;
  readonly targetTable: string;
  readonly targetColumn: string;
  readonly onDelete: 'restrict' | 'setNull' | 'cascade';
}

export interface PlanInput {
  readonly desired: DesiredSchema;
  readonly active: { readonly revision: number; readonly spec: SchemaDefinitionSpec } | undefined;
  readonly live: LiveTable | undefined;
  /** Number of the revision that the plan leads to; by default the active one's successor. */
  readonly revision?: number;
  /** Active schemas by path: where references lead. */
  readonly targets: ReadonlyMap<string, ReferenceTarget>;
}

export interface ReferenceTarget {
  readonly spec: SchemaDefinitionSpec;
  readonly pgNamespace: string;
  readonly pgTable: string;
}

/**
 * The ordered, idempotent steps from what is to what is wanted: create a table whole, or add optional
 * fields and indexes to one that serves. Anything else is refused with its reason.
 */
export function planSchema(input: PlanInput): SchemaPlan {
  const { desired, active, live } = input;
  const pgTable = recordTableName(desired.name, desired.spec.version);
  const references = planReferences(input, pgTable);
  const refused = active === undefined ? undefined : refusedChange(active.spec, desired.spec);
  const steps = refused === undefined ? planSteps(input, pgTable, references, live) : [];
  const hash = createHash('sha256')
    .update(JSON.stringify([desired.spec, steps.map((step) => step.sql)]))
    .digest('hex');
  return { hash, steps, pgTable, references, ...(refused !== undefined && { refused }) };
}

function planSteps(
  { desired, active, targets, revision = (active?.revision ?? 0) + 1 }: PlanInput,
  pgTable: string,
  references: readonly SchemaReference[],
  live: LiveTable | undefined,
): PlanStep[] {
  const table = quoteQualified(desired.pgNamespace, pgTable);
  const columnTypes = columnTypesOf(desired, targets);
  const typeOf = (field: Field): string => columnTypes.get(field.name) ?? 'text';
  const steps: PlanStep[] = [];
  const step = (name: string, sql: string): void => {
    steps.push({ name, sql, concurrently: false });
  };

  if (live === undefined) {
    step('create the table', createTable(desired, pgTable, typeOf));
  } else {
    for (const field of desired.spec.fields.filter(
      (candidate) => !live.columns.has(candidate.name),
    )) {
      step(
        `add ${field.name}`,
        `alter table ${table} add column if not exists ${columnDefinition(field, typeOf(field), false)}`,
      );
      const check = checkOf(pgTable, field, typeOf(field));
      if (check !== undefined) {
        step(
          `constrain ${field.name}`,
          `alter table ${table} drop constraint if exists ${quoteIdentifier(check.name)},
             add constraint ${quoteIdentifier(check.name)} check (${check.expression}) not valid`,
        );
        step(
          `validate ${field.name}`,
          `alter table ${table} validate constraint ${quoteIdentifier(check.name)}`,
        );
      }
    }
  }

  // Until the table serves nobody waits for it, so its indexes need not be built concurrently.
  for (const index of plannedIndexes(pgTable, desired.spec, typeOf)) {
    if (live?.indexes.has(index.name) === true && active !== undefined) continue;
    const concurrently = active !== undefined;
    steps.push({
      name: `index ${index.name}`,
      sql: `create ${index.unique ? 'unique ' : ''}index ${concurrently ? 'concurrently ' : ''}if not exists ${quoteIdentifier(index.name)} on ${table} ${index.definition}`,
      concurrently,
      ...(concurrently && { index: index.name }),
    });
  }

  for (const reference of references) {
    if (reference.targetNamespace !== desired.pgNamespace) {
      step(
        `read ${reference.targetTable}`,
        `grant usage on schema ${quoteIdentifier(reference.targetNamespace)} to ${quoteIdentifier(desired.pgRole)};
         grant select on ${quoteQualified(reference.targetNamespace, reference.targetTable)} to ${quoteIdentifier(desired.pgRole)}`,
      );
    }
    const name = foreignKeyName(pgTable, reference.column);
    if (live?.constraints.has(name) === true) continue;
    step(
      `reference ${reference.column}`,
      `alter table ${table} drop constraint if exists ${quoteIdentifier(name)},
         add constraint ${quoteIdentifier(name)} foreign key (${quoteIdentifier(reference.column)})
         references ${quoteQualified(reference.targetNamespace, reference.targetTable)} (${quoteIdentifier(reference.targetColumn)}) not valid`,
    );
    step(
      `validate reference ${reference.column}`,
      `alter table ${table} validate constraint ${quoteIdentifier(name)}`,
    );
    step(
      `watch deletes of ${reference.targetTable}`,
      `create or replace trigger velocity_propagate_delete after update on ${quoteQualified(reference.targetNamespace, reference.targetTable)}
         referencing old table as old_rows new table as new_rows for each statement execute function platform.propagate_delete()`,
    );
  }

  step('row-level security', rowLevelSecurity(desired, table, columnTypes));
  step('history and audit', historyAndAudit(desired, pgTable, revision));
  step('rights', `grant select, insert, update on ${table} to ${quoteIdentifier(desired.pgRole)}`);
  return steps;
}

function createTable(
  desired: DesiredSchema,
  pgTable: string,
  typeOf: (field: Field) => string,
): string {
  const fields = desired.spec.fields.map((field) => columnDefinition(field, typeOf(field), true));
  const checks = desired.spec.fields
    .map((field) => checkOf(pgTable, field, typeOf(field)))
    .filter((check) => check !== undefined)
    .map((check) => `constraint ${quoteIdentifier(check.name)} check (${check.expression})`);
  const columns = [
    'id uuid not null default platform.new_id()',
    'version bigint not null default 1',
    ...fields,
    'created_at timestamptz not null default platform.occurred_at()',
    'created_by text not null default platform.actor()',
    'updated_at timestamptz not null default platform.occurred_at()',
    'updated_by text not null default platform.actor()',
    'deleted_at timestamptz',
    'archived_at timestamptz',
    'archive_ref text',
    `constraint ${quoteIdentifier(postgresName(pgTable, 'pkey'))} primary key (id)`,
    ...checks,
  ];
  return `create table if not exists ${quoteQualified(desired.pgNamespace, pgTable)} (\n  ${columns.join(',\n  ')}\n)`;
}

/**
 * The policy of the records names no role: it holds for every role that has rights on the table,
 * such as that of another domain whose records refer to these.
 */
function rowLevelSecurity(
  desired: DesiredSchema,
  table: string,
  columnTypes: ReadonlyMap<string, string>,
): string {
  const path = schemaPath({ ...desired, version: desired.spec.version });
  const condition = rowPolicy(
    { organisation: desired.organisation, path },
    desired.spec,
    columnTypes,
  );
  return `
    alter table ${table} enable row level security;
    alter table ${table} force row level security;
    drop policy if exists velocity_operator on ${table};
    create policy velocity_operator on ${table} to velocity_operator using (true) with check (true);
    drop policy if exists velocity_records on ${table};
    create policy velocity_records on ${table} using (${condition}) with check (${condition})`;
}

/** The history of the record table, and the triggers that write it. Each event has its own. */
function historyAndAudit(desired: DesiredSchema, pgTable: string, revision: number): string {
  const table = quoteQualified(desired.pgNamespace, pgTable);
  const history = historyTableName(desired.name, desired.spec.version);
  const path = schemaPath({ ...desired, version: desired.spec.version });
  const audited = desired.spec.audit?.enabled !== false;
  const literals = [desired.pgNamespace, pgTable, history, desired.organisation, path]
    .map(quoteLiteral)
    .join(', ');
  return `
    select platform.sync_history(${literals}, ${revision}, ${audited});
    do $triggers$
    begin
      execute format('create or replace trigger velocity_history_create after insert on %1$I.%2$I
        referencing new table as new_rows for each statement execute function %1$I.%3$I()',
        ${quoteLiteral(desired.pgNamespace)}, ${quoteLiteral(pgTable)}, platform.suffixed_name(${quoteLiteral(history)}, '_create'));
      execute format('create or replace trigger velocity_history_update after update on %1$I.%2$I
        referencing old table as old_rows new table as new_rows for each statement execute function %1$I.%3$I()',
        ${quoteLiteral(desired.pgNamespace)}, ${quoteLiteral(pgTable)}, platform.suffixed_name(${quoteLiteral(history)}, '_update'));
      execute format('create or replace trigger velocity_history_purge after delete on %1$I.%2$I
        referencing old table as old_rows for each statement execute function %1$I.%3$I()',
        ${quoteLiteral(desired.pgNamespace)}, ${quoteLiteral(pgTable)}, platform.suffixed_name(${quoteLiteral(history)}, '_purge'));
    end
    $triggers$;
    create or replace trigger velocity_raise_version before update on ${table} for each row
      when (new.version is distinct from old.version + 1 or new.updated_at <= old.updated_at or new.id is distinct from old.id)
      execute function platform.raise_version();
    create or replace trigger velocity_first_version before insert on ${table} for each row
      when (new.version <> 1 or new.updated_at is distinct from new.created_at or new.updated_by is distinct from new.created_by)
      execute function platform.first_version();
    create or replace trigger velocity_refuse_truncate before truncate on ${table}
      for each statement execute function platform.refuse_truncate()`;
}

function columnTypesOf(desired: DesiredSchema, targets: PlanInput['targets']): Map<string, string> {
  const own = schemaPath({ ...desired, version: desired.spec.version });
  const findSpec = (path: string): SchemaDefinitionSpec | undefined =>
    path === own ? desired.spec : targets.get(path)?.spec;
  return new Map(
    desired.spec.fields.map((field) => [
      field.name,
      columnType(field, field.type === 'ref' ? referenceKeyType(field.ref, findSpec) : undefined),
    ]),
  );
}

/** Real foreign keys: every target lies in this database. A target that is not active yet is missing. */
function planReferences({ desired, targets }: PlanInput, pgTable: string): SchemaReference[] {
  const own = schemaPath({ ...desired, version: desired.spec.version });
  return desired.spec.fields.flatMap((field) => {
    if (field.ref === undefined) return [];
    const path = referencePath(field.ref);
    const target = path === own ? { pgNamespace: desired.pgNamespace, pgTable } : targets.get(path);
    if (target === undefined) return [];
    return [
      {
        column: field.name,
        target: path,
        targetNamespace: target.pgNamespace,
        targetTable: target.pgTable,
        targetColumn: field.ref.key ?? 'id',
        onDelete: field.ref.onDelete ?? 'restrict',
      },
    ];
  });
}

/** Schemas that must be active before this one can be provisioned: its references' targets. */
export function missingTargets(desired: DesiredSchema, targets: PlanInput['targets']): string[] {
  const own = schemaPath({ ...desired, version: desired.spec.version });
  const paths = desired.spec.fields.flatMap((field) =>
    field.ref === undefined ? [] : [referencePath(field.ref)],
  );
  return [...new Set(paths)].filter((path) => path !== own && !targets.has(path));
}
