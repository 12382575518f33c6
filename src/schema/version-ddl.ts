import { foreignKeyName, outboxTableName } from './compile.ts';
import type { DesiredSchema } from './desired-schema.ts';
import { quoteIdentifier, quoteLiteral, quoteQualified } from './identifier.ts';
import type { SchemaReference } from './schema-references.ts';
import { historyAndAudit } from './table-ddl.ts';

/** An active revision as DDL needs it: the schema in its place, and its table. */
export interface VersionTable extends DesiredSchema {
  readonly pgTable: string;
  readonly revision: number;
}

/** The triggers of history and of versions, which stand aside while a table takes records over. */
const historyTriggers = [
  'velocity_history_create',
  'velocity_history_update',
  'velocity_history_purge',
  'velocity_raise_version',
  'velocity_first_version',
];
const copyTriggers = ['velocity_copy_insert', 'velocity_copy_delete', 'velocity_refuse_writes'];
const outboxTriggers = [
  'velocity_outbox_insert',
  'velocity_outbox_update',
  'velocity_outbox_delete',
];

/** The table takes records over and nothing else. Its references to itself wait until all are there. */
export function openTarget(to: VersionTable, references: readonly SchemaReference[]): string[] {
  const table = tableOf(to);
  return [
    `lock table ${table} in access exclusive mode`,
    ...dropTriggers(table, historyTriggers),
    refuseWrites(table, `${to.spec.version} takes its records over`),
    `create or replace trigger velocity_copy_insert after insert on ${table}
       referencing new table as new_rows for each statement execute function platform.write_copy()`,
    `create or replace trigger velocity_copy_delete after delete on ${table}
       referencing old table as old_rows for each statement execute function platform.write_copy()`,
    ...ownReferences(to, references).map(
      ({ column }) =>
        `alter table ${table} drop constraint if exists ${quoteIdentifier(foreignKeyName(to.pgTable, column))}`,
    ),
  ];
}

/** From here on every change of the table is in its outbox. Waits for writes that are under way. */
export function openOutbox(from: VersionTable): string[] {
  const table = tableOf(from);
  const outbox = outboxTableName(from.name, from.spec.version);
  const fill = `for each statement execute function platform.write_outbox(${quoteLiteral(outbox)})`;
  return [
    `create table if not exists ${quoteQualified(from.pgNamespace, outbox)} (
       xid xid8 not null default pg_current_xact_id(),
       id bigint not null generated always as identity,
       record_id uuid not null,
       version bigint not null,
       operation text not null,
       written_at timestamptz not null default clock_timestamp(),
       primary key (xid, id))`,
    `create index if not exists ${quoteIdentifier(outboxTableName(from.name, `${from.spec.version}_by`))}
       on ${quoteQualified(from.pgNamespace, outbox)} (record_id)`,
    `create or replace trigger velocity_outbox_insert after insert on ${table} referencing new table as new_rows ${fill}`,
    `create or replace trigger velocity_outbox_update after update on ${table} referencing new table as new_rows ${fill}`,
    `create or replace trigger velocity_outbox_delete after delete on ${table} referencing old table as old_rows ${fill}`,
  ];
}

/** The table is one like all others again, with history, and open to writes. */
export function closeTarget(to: VersionTable, references: readonly SchemaReference[]): string[] {
  const table = tableOf(to);
  return [
    ...dropTriggers(table, copyTriggers),
    historyAndAudit(to, to.pgTable, to.revision),
    ...ownReferences(to, references).map(({ column, targetColumn }) => {
      const name = quoteIdentifier(foreignKeyName(to.pgTable, column));
      return `alter table ${table} drop constraint if exists ${name}, add constraint ${name}
        foreign key (${quoteIdentifier(column)}) references ${table} (${quoteIdentifier(targetColumn)}) not valid`;
    }),
  ];
}

/** What `closeTarget` has left to be proven, beside the traffic. */
export function validateTarget(to: VersionTable, references: readonly SchemaReference[]): string[] {
  return ownReferences(to, references).map(
    ({ column }) =>
      `alter table ${tableOf(to)} validate constraint ${quoteIdentifier(foreignKeyName(to.pgTable, column))}`,
  );
}

/** The old table keeps what it has, for readers. Needs no lock that readers wait for. */
export function endWrites(from: VersionTable, successor: string): string {
  return refuseWrites(tableOf(from), `its records have moved to ${successor}`);
}

export function closeOutbox(from: VersionTable): string[] {
  const outbox = outboxTableName(from.name, from.spec.version);
  return [
    ...dropTriggers(tableOf(from), outboxTriggers),
    `drop table if exists ${quoteQualified(from.pgNamespace, outbox)}`,
  ];
}

function refuseWrites(table: string, why: string): string {
  return `create or replace trigger velocity_refuse_writes before insert or update or delete on ${table}
    for each statement execute function platform.refuse_writes(${quoteLiteral(why)})`;
}

function dropTriggers(table: string, names: readonly string[]): string[] {
  return names.map((name) => `drop trigger if exists ${name} on ${table}`);
}

function ownReferences(
  { pgNamespace, pgTable }: VersionTable,
  references: readonly SchemaReference[],
): SchemaReference[] {
  return references.filter(
    (one) => one.targetNamespace === pgNamespace && one.targetTable === pgTable,
  );
}

function tableOf({ pgNamespace, pgTable }: VersionTable): string {
  return quoteQualified(pgNamespace, pgTable);
}
