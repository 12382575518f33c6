import type { Field } from '../contract/kinds.ts';
import { systemColumns } from '../contract/names.ts';
import { foreignKeyName } from './compile.ts';
import type { DesiredSchema } from './desired-schema.ts';
import { postgresName, quoteIdentifier, quoteLiteral, quoteQualified } from './identifier.ts';
import {
  createIdsTable,
  dropIds,
  idsKeyName,
  idsTableName,
  keepsIds,
  partitioningOf,
  syncPartitions,
} from './partitioning.ts';
import { nextName } from './placed-field.ts';
import type { PlanStep } from './plan-step.ts';
import { migrateTrigger, planStep } from './plan-step.ts';
import { plannedIndexes } from './record-table.ts';
import type { SchemaReference } from './schema-references.ts';
import { createTable } from './table-ddl.ts';

export interface RebuildInput {
  readonly desired: DesiredSchema;
  readonly pgTable: string;
  readonly references: readonly SchemaReference[];
  readonly typeOf: (field: Field) => string;
}

/** What the record tables are called for now. */
interface Names {
  readonly table: string;
  readonly next: string;
  readonly nextIds: string | undefined;
  /** Every column, quoted, in one order for both tables. */
  readonly columns: readonly string[];
}

const beside = { class: 'online', lock: 'ACCESS SHARE', blocks: false } as const;

/**
 * A table of another partitioning is made beside the one that serves: every write goes into both from
 * then on, batches copy what was there before, and the swap puts the one in the place of the other.
 * Both are the same in every snapshot: whoever copies a record has locked it in the old table first,
 * and the trigger copies in the transaction of the write.
 */
export function planRebuild(input: RebuildInput): PlanStep[] {
  const { desired, pgTable } = input;
  const { pgNamespace, spec } = desired;
  const nextIds = nextName(idsTableName(pgTable));
  const names: Names = {
    table: quoteQualified(pgNamespace, pgTable),
    next: quoteQualified(pgNamespace, nextName(pgTable)),
    nextIds: keepsIds(spec) ? quoteQualified(pgNamespace, nextIds) : undefined,
    columns: [...systemColumns, ...spec.fields.map(({ name }) => name)].map(quoteIdentifier),
  };
  const copyWrites = { class: 'online', lock: 'SHARE ROW EXCLUSIVE' } as const;
  const measured = { class: 'online', lock: 'ACCESS SHARE', scans: true, blocks: false } as const;
  return [
    ...prepare(input, names),
    planStep('change', 'copy every write', followWrites(input, names), copyWrites),
    planStep('backfill', 'copy existing records', copyBatch(input, names)),
    planStep('change', 'measure the copy', `analyze ${names.next}`, measured),
    planStep('verify', 'verify the copy', compareTables(names), {
      unfit: 'differ between the table and its copy',
    }),
    ...(names.nextIds === undefined
      ? []
      : [
          planStep('verify', 'verify its ids', compareIds(names.next, names.nextIds), {
            unfit: 'have no id that is kept, or are not there while it is',
          }),
        ]),
    ...swap(input, names),
  ];
}

/** The foreign keys come last: until the end of its transaction each keeps others from its target. */
function prepare({ desired, pgTable, references, typeOf }: RebuildInput, names: Names): PlanStep[] {
  const { pgNamespace, spec } = desired;
  const table = nextName(pgTable);
  const key = nextName(postgresName(pgTable, 'pkey'));
  const ids = [nextName(idsTableName(pgTable)), nextName(idsKeyName(pgTable))] as const;
  const indexes = plannedIndexes(pgTable, spec, typeOf).map(({ name, unique, definition }) => {
    const kind = unique ? 'unique index' : 'index';
    return `create ${kind} if not exists ${quoteIdentifier(nextName(name))} on ${names.next} ${definition}`;
  });
  const made = [
    createTable(desired, pgTable, typeOf, { table, key }),
    ...(names.nextIds === undefined ? [] : [createIdsTable(pgNamespace, ...ids)]),
    ...indexes,
  ];
  const partitions = syncPartitions({ pgNamespace, pgTable }, spec, { table, source: pgTable });
  return [
    planStep('change', 'make a table beside it', made.join(';\n'), beside),
    ...(partitions === undefined
      ? []
      : [planStep('change', 'make its partitions', partitions, { ...beside, scans: true })]),
    ...references.map((reference) => {
      const name = foreignKeyName(pgTable, reference.column);
      const target = quoteQualified(reference.targetNamespace, reference.targetTable);
      const sql = `do $reference$ begin
        if not exists (select from pg_constraint where conrelid = ${quoteLiteral(names.next)}::regclass and conname = ${quoteLiteral(name)}) then
          alter table ${names.next} add constraint ${quoteIdentifier(name)}
            foreign key (${quoteIdentifier(reference.column)}) references ${target} (${quoteIdentifier(reference.targetColumn)});
        end if;
      end $reference$`;
      return planStep('change', `reference ${reference.column} of the copy`, sql, beside);
    }),
  ];
}

/**
 * Runs as its owner: the writer has no rights on the copy. A transaction that sees the copy as of its
 * beginning could not follow, so it is sent back to start again under READ COMMITTED.
 */
function followWrites({ desired, pgTable }: RebuildInput, names: Names): string {
  const follow = quoteQualified(desired.pgNamespace, nextName(pgTable));
  const { next, nextIds, columns } = names;
  const field = partitioningOf(desired.spec)?.field ?? 'id';
  // The partition field spares the look into all the others.
  const own = [...new Set(['id', field])]
    .map(quoteIdentifier)
    .map((column) => `${column} = old.${column}`)
    .join(' and ');
  const keep = nextIds && `insert into ${nextIds} (id) values (new.id) on conflict do nothing;`;
  const free = nextIds && `delete from ${nextIds} where id = old.id;`;
  const body = `begin
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
      raise exception 'the table is being partitioned: write under READ COMMITTED' using errcode = 'serialization_failure';
    end if;
    if tg_op <> 'INSERT' then delete from ${next} where ${own}; end if;
    if tg_op <> 'DELETE' then
      insert into ${next} (${columns.join(', ')}) values (${columns.map((column) => `new.${column}`).join(', ')});
    end if;
    ${nextIds === undefined ? '' : `if tg_op = 'INSERT' then ${keep} elsif tg_op = 'DELETE' then ${free} end if;`}
    return null;
  end`;
  return `create or replace function ${follow}() returns trigger language plpgsql security definer
      set search_path = pg_catalog, pg_temp as ${quoteLiteral(body)};
    revoke execute on function ${follow}() from public;
    create or replace trigger ${migrateTrigger} after insert or update or delete on ${names.table}
      for each row execute function ${follow}()`;
}

/**
 * One batch: $1 is the id that the last one ended with, $2 the size. Records are locked and read as
 * they are now; one that a write has copied meanwhile is there already, and as new as this.
 */
function copyBatch({ desired, pgTable }: RebuildInput, names: Names): string {
  const { table, next, nextIds, columns } = names;
  const list = columns.join(', ');
  const where = [desired.pgNamespace, pgTable].map(quoteLiteral).join(', ');
  const audited = desired.spec.audit?.enabled !== false;
  const kept =
    nextIds === undefined
      ? ''
      : `, kept as (
      insert into ${nextIds} (id) select id from batch on conflict do nothing
    )`;
  return `with batch as materialized (
      select ${list} from ${table} t where t.id > $1::uuid order by t.id limit $2::integer for update
    ), copied as (
      insert into ${next} as n (${list}) select ${list} from batch on conflict do nothing returning n.id, n::text as state
    )${kept}, noted as materialized (
      select count(*) as records, platform.audit_copy(${where}, ${audited}, count(*),
               encode(sha256(string_agg(sha256(convert_to(state, 'UTF8')), '' order by id)), 'hex')) as entry
        from copied
    )
    select (select id::text from batch order by id desc limit 1) as last,
           (select count(*) from batch) as seen, records as planned, records as filled, entry::text
      from noted`;
}

/** One statement, so one snapshot: whatever differs in it has been lost on the way. */
function compareTables({ table, next, columns }: Names): string {
  const state = (from: string): string =>
    `(select id, row(${columns.join(', ')})::text as state from ${from})`;
  return `select count(*) as records, min(id::text) as example
    from (select coalesce(t.id, n.id) as id from ${state(table)} t full join ${state(next)} n on n.id = t.id
           where t.state is distinct from n.state limit 1000) as unfit`;
}

/** An id that is not kept could be given twice. */
function compareIds(next: string, nextIds: string): string {
  return `select count(*) as records, min(id::text) as example
    from (select coalesce(n.id, i.id) as id from ${next} n full join ${nextIds} i on i.id = n.id
           where n.id is null or i.id is null limit 1000) as unfit`;
}

function swap({ desired, pgTable, references, typeOf }: RebuildInput, names: Names): PlanStep[] {
  const { pgNamespace, spec } = desired;
  // A foreign key that goes locks its target too: taken at once, nobody is met half-way.
  const targets = references.map((reference) =>
    quoteQualified(reference.targetNamespace, reference.targetTable),
  );
  const locked = [...new Set([names.table, ...targets])].join(', ');
  const rename = (kind: string, from: string, to: string): string =>
    `alter ${kind} ${quoteQualified(pgNamespace, from)} rename to ${quoteIdentifier(to)}`;
  const key = postgresName(pgTable, 'pkey');
  const ids = idsTableName(pgTable);
  const renamed = [
    rename('table', nextName(pgTable), pgTable),
    rename('index', nextName(key), key),
    ...plannedIndexes(pgTable, spec, typeOf).map(({ name }) =>
      rename('index', nextName(name), name),
    ),
    ...(names.nextIds === undefined
      ? []
      : [
          rename('table', nextName(ids), ids),
          rename('index', nextName(idsKeyName(pgTable)), idsKeyName(pgTable)),
        ]),
  ];
  return [
    planStep('swap', 'lock the table', `lock table ${locked} in access exclusive mode`),
    planStep(
      'swap',
      'drop the old table',
      `drop table ${names.table};
       drop function ${quoteQualified(pgNamespace, nextName(pgTable))}();
       ${dropIds(pgNamespace, pgTable)}`,
    ),
    planStep('swap', 'put the copy in its place', renamed.join(';\n')),
  ];
}
