import { newConstraints } from './compare-constraints.ts';
import { comparedIndexes } from './compare-indexes.ts';
import { quoteIdentifier, quoteLiteral, quoteQualified } from './identifier.ts';
import { referencePartitions } from './partition-parts.ts';
import { partitioningOf } from './partitioning.ts';
import type { ChangeInput, PlacedField } from './placed-field.ts';
import { nextName, placeField } from './placed-field.ts';
import type { PlanStep } from './plan-step.ts';
import { migrateTrigger, planStep, validating } from './plan-step.ts';
import { planSwap } from './plan-swap.ts';
import { planVerification } from './plan-verification.ts';
import { defaultOf } from './record-table.ts';
import { valueAfter } from './value-after.ts';

/**
 * The steps that prepare a change beside the revision that serves, then the swap. Whatever is prepared
 * has a name that begins with `_next`: to undo all of it takes no more than to look for those.
 */
export function planChange(input: ChangeInput): PlanStep[] {
  const placed = input.diff.fields.map(placeField);
  const table = quoteQualified(input.pgNamespace, input.pgTable);
  const steps = [
    ...planVerification(input, placed, table),
    ...addColumns(placed, table),
    ...fillColumns(input, placed, table),
    ...addConstraints(input, placed, table),
    ...buildIndexes(input, placed, table),
  ];
  return [...steps, ...planSwap(input, placed, table)];
}

/** Constant defaults of a new column are kept in the catalogue: no row is touched. */
function addColumns(placed: readonly PlacedField[], table: string): PlanStep[] {
  const columns = placed
    .filter(({ fresh }) => fresh)
    .map(({ field, prior, type, column, backfill }) => {
      const isConstant = prior === undefined && backfill === undefined;
      const value = isConstant ? defaultOf(field, type) : undefined;
      const constant = value === undefined ? '' : ` default ${value}`;
      const required = value !== undefined && field.required === true ? ' not null' : '';
      return `add column if not exists ${column} ${type}${constant}${required}`;
    });
  if (columns.length === 0) return [];
  return [planStep('change', 'add columns', `alter table ${table} ${columns.join(', ')}`)];
}

/** Values that the new revision needs: a trigger for writes from now on, batches for all before. */
function fillColumns(
  { pgNamespace, pgTable, syncHistory }: ChangeInput,
  placed: readonly PlacedField[],
  table: string,
): PlanStep[] {
  const fills = placed.flatMap((one) => {
    const after = valueAfter(one);
    return after === undefined ? [] : [{ column: one.column, ...after }];
  });
  if (fills.length === 0) return [];
  const name = quoteQualified(pgNamespace, nextName(pgTable));
  const assignments = fills.map(({ column, value }) => `new.${column} := ${value('new.')};`);
  const body = quoteLiteral(`begin ${assignments.join(' ')} return new; end`);
  const trigger = `create or replace function ${name}() returns trigger language plpgsql as ${body};
    create or replace trigger ${migrateTrigger} before insert or update on ${table}
      for each row execute function ${name}()`;
  const set = fills.map(({ column, value }) => `${column} = ${value('t.')}`);
  return [
    planStep('change', 'teach history about backfills', syncHistory),
    planStep('change', 'fill in with every write', trigger, { lock: 'SHARE ROW EXCLUSIVE' }),
    planStep(
      'backfill',
      'fill in existing records',
      backfillSql(table, set, fills.map(({ lacking }) => `(${lacking})`).join(' or ')),
    ),
  ];
}

/**
 * One batch: $1 is the id that the last one ended with, $2 the size. Rows are taken in the order of
 * the primary key, so each is looked at once, and locked before they are counted.
 */
function backfillSql(table: string, set: readonly string[], todo: string): string {
  return `with batch as materialized (
      select t.id from ${table} t where t.id > $1::uuid order by t.id limit $2::integer
    ), planned as materialized (
      select t.id from ${table} t where t.id in (select id from batch) and (${todo}) order by t.id for update
    ), filled as (
      update ${table} t set ${set.join(', ')} from planned p where t.id = p.id returning 1
    )
    select (select id::text from batch order by id desc limit 1) as last,
           (select count(*) from batch) as seen, (select count(*) from planned) as planned,
           (select count(*) from filled) as filled`;
}

/** NOT VALID binds writes from now on and costs nothing; VALIDATE then reads beside the traffic. */
function addConstraints(
  input: ChangeInput,
  placed: readonly PlacedField[],
  table: string,
): PlanStep[] {
  const partitioned = partitioningOf(input.desired) !== undefined;
  return newConstraints(input, placed).flatMap(({ name, definition }) => {
    const next = quoteIdentifier(nextName(name));
    if (partitioned && definition.startsWith('foreign key')) {
      return referencePartitions(table, name, definition);
    }
    const lock = definition.startsWith('foreign key') ? { lock: 'SHARE ROW EXCLUSIVE' } : {};
    return [
      planStep(
        'change',
        `constrain ${name}`,
        `alter table ${table} drop constraint if exists ${next}, add constraint ${next} ${definition} not valid`,
        lock,
      ),
      planStep(
        'change',
        `validate ${name}`,
        `alter table ${table} validate constraint ${next}`,
        validating,
      ),
    ];
  });
}

/** Without a lock that anybody waits for; under a name of their own until the swap. */
function buildIndexes(
  input: ChangeInput,
  placed: readonly PlacedField[],
  table: string,
): PlanStep[] {
  const partitioned = partitioningOf(input.desired) !== undefined;
  const label = `r${input.active.revision + 1}`;
  return comparedIndexes(input, placed).built.map(({ name, unique, definition }) => {
    const next = nextName(name);
    if (partitioned) {
      const sql = `create ${unique ? 'unique ' : ''}index if not exists ${quoteIdentifier(next)} on only ${table} ${definition}
        -- and of each partition, CONCURRENTLY, to be attached to this one`;
      const ofPartitions = { unique, definition, label };
      return planStep('build', `index ${name}`, sql, { index: next, ofPartitions, lock: 'SHARE' });
    }
    return planStep(
      'build',
      `index ${name}`,
      `create ${unique ? 'unique ' : ''}index concurrently if not exists ${quoteIdentifier(next)} on ${table} ${definition}`,
      { index: next },
    );
  });
}
