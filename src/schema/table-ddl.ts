import type { Field } from '../contract/kinds.ts';
import { propagateTrigger } from './compare-shapes.ts';
import { historyTableName, schemaPath } from './compile.ts';
import type { DesiredSchema } from './desired-schema.ts';
import { postgresName, quoteIdentifier, quoteLiteral, quoteQualified } from './identifier.ts';
import { keepIds, keepsIds, partitionClause, primaryKeyOf } from './partitioning.ts';
import { checkOf, columnDefinition } from './record-table.ts';
import { rowPolicy } from './row-policy.ts';
import { ruleCheck, ruleName, validationRules } from './validation-rule.ts';

/** `named` is what table and primary key are called for now, where another one still has their names. */
export function createTable(
  desired: DesiredSchema,
  pgTable: string,
  typeOf: (field: Field) => string,
  named = { table: pgTable, key: postgresName(pgTable, 'pkey') },
): string {
  const fields = desired.spec.fields.map((field) => columnDefinition(field, typeOf(field), true));
  const checks = desired.spec.fields
    .map((field) => checkOf(pgTable, field, typeOf(field)))
    .filter((check) => check !== undefined)
    .map((check) => `constraint ${quoteIdentifier(check.name)} check (${check.expression})`);
  const rules = new Set(
    validationRules(desired.spec, typeOf).map(
      (rule) =>
        `constraint ${quoteIdentifier(ruleName(pgTable, rule))} check (${ruleCheck(rule, quoteIdentifier)})`,
    ),
  );
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
    `constraint ${quoteIdentifier(named.key)} ${primaryKeyOf(desired.spec)}`,
    ...checks,
    ...rules,
  ];
  const table = quoteQualified(desired.pgNamespace, named.table);
  return `create table if not exists ${table} (\n  ${columns.join(',\n  ')}\n)${partitionClause(desired.spec)}`;
}

/**
 * The policy of the records names no role: it holds for every role that has rights on the table,
 * such as that of another domain whose records refer to these.
 */
export function rowLevelSecurity(
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

/** What the domain's role may do; a frozen table is read only, for it and so for the API. */
export function tableRights(table: string, pgRole: string, frozen: boolean): string {
  const role = quoteIdentifier(pgRole);
  if (!frozen) return `grant select, insert, update on ${table} to ${role}`;
  return `grant select on ${table} to ${role}; revoke insert, update on ${table} from ${role}`;
}

/** Deletes of the records of `target` are followed to whoever refers to them. */
export function watchDeletes(target: string): string {
  return `create or replace trigger ${propagateTrigger} after update on ${target}
    referencing old table as old_rows new table as new_rows for each statement execute function platform.propagate_delete()`;
}

/** The history of the record table, and the triggers that write it. Each event has its own. */
export function historyAndAudit(desired: DesiredSchema, pgTable: string, revision: number): string {
  const table = quoteQualified(desired.pgNamespace, pgTable);
  const history = historyTableName(desired.name, desired.spec.version);
  const movable = keepsIds(desired.spec);
  const first = movable ? 'first_version_unless_moved' : 'first_version';
  return `
    ${syncHistory(desired, pgTable, revision)};
    select platform.open_history(${[desired.pgNamespace, pgTable, desired.pgRole].map(quoteLiteral).join(', ')});
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
      execute function platform.${first}();
    create or replace trigger velocity_refuse_truncate before truncate on ${table}
      for each statement execute function platform.refuse_truncate()${movable ? `;${keepIds(desired.pgNamespace, pgTable)}` : ''}`;
}

/** The history table and its functions, brought up to the columns that the record table has. */
export function syncHistory(desired: DesiredSchema, pgTable: string, revision: number): string {
  const history = historyTableName(desired.name, desired.spec.version);
  const path = schemaPath({ ...desired, version: desired.spec.version });
  const audited = desired.spec.audit?.enabled !== false;
  const literals = [desired.pgNamespace, pgTable, history, desired.organisation, path]
    .map(quoteLiteral)
    .join(', ');
  const table = [desired.pgNamespace, pgTable].map(quoteLiteral).join(', ');
  return `select platform.sync_history(${literals}, ${revision}, ${audited}); select platform.note_history(${table})`;
}
