import { goneConstraints, newConstraints, renamedConstraints } from './compare-constraints.ts';
import { comparedIndexes } from './compare-indexes.ts';
import { quoteIdentifier, quoteLiteral, quoteQualified } from './identifier.ts';
import { namePartitionIndexes } from './partition-parts.ts';
import { partitioningOf } from './partitioning.ts';
import type { ChangeInput, PlacedField } from './placed-field.ts';
import { isProven, nextName, presenceName } from './placed-field.ts';
import type { PlanStep } from './plan-step.ts';
import { migrateTrigger, planStep } from './plan-step.ts';
import { defaultOf } from './record-table.ts';

/**
 * From one revision to the next: only names, defaults and catalogue entries change, so it takes
 * milliseconds. Whatever changes its name passes through a `_next` name, so that a field may take the
 * name that another one leaves; two that swap theirs are refused before (`overwrites` in diff.ts). The
 * caller adds policies, history and the revision itself, and commits all of it as one. Where the table
 * stays as it is, there are no steps, and nobody is kept waiting.
 */
export function planSwap(
  input: ChangeInput,
  placed: readonly PlacedField[],
  table: string,
): PlanStep[] {
  const { pgNamespace, pgTable, diff, active } = input;
  const steps: PlanStep[] = [];
  const first: PlanStep[] = [];
  const swap = (
    name: string,
    statements: readonly string[],
    over: Partial<PlanStep> = {},
  ): void => {
    if (statements.length > 0) steps.push(planStep('swap', name, statements.join(';\n'), over));
  };
  const alter = (text: string): string => `alter table ${table} ${text}`;

  const stop = [
    `drop trigger if exists ${migrateTrigger} on ${table}`,
    `drop function if exists ${quoteQualified(pgNamespace, nextName(pgTable))}()`,
    `drop policy if exists velocity_records on ${table}`,
  ];
  first.push(
    // Everybody else waits at this one lock, instead of meeting us half-way at several.
    planStep('swap', 'lock the table', `lock table ${table} in access exclusive mode`),
    planStep('swap', 'stop what only prepared', stop.join(';\n')),
  );

  const indexes = comparedIndexes(input, placed);
  const gone = goneConstraints(input, placed);
  swap('drop what the new revision lacks', [
    ...gone.map((name) => alter(`drop constraint if exists ${quoteIdentifier(name)}`)),
    // One may be there under the name of a new one: half built by hand, or by an earlier release.
    ...[...indexes.gone, ...indexes.built.map(({ name }) => name)].map(
      (name) => `drop index if exists ${quoteQualified(pgNamespace, name)}`,
    ),
  ]);
  const replaced = placed.filter(({ fresh, prior }) => fresh && prior !== undefined);
  const lost = diff.dropped.map(({ name }) => name);
  const columns = [...lost, ...replaced.map(({ prior }) => prior?.name ?? '')];
  swap(
    'drop columns',
    columns.map((name) => alter(`drop column ${quoteIdentifier(name)}`)),
    lost.length > 0 ? { class: 'breaking' } : {},
  );

  const renamed = placed.filter(
    ({ fresh, prior, field }) => !fresh && prior !== undefined && prior.name !== field.name,
  );
  const constraints = newConstraints(input, placed).filter(({ lasting }) => lasting);
  const kept = renamedConstraints(input, placed);
  const next = (name: string): string => quoteIdentifier(nextName(name));
  swap(
    'rename',
    [
      ...renamed.map(({ prior, field }) =>
        alter(`rename column ${quoteIdentifier(prior?.name ?? '')} to ${next(field.name)}`),
      ),
      ...kept.map(([from, to]) =>
        alter(`rename constraint ${quoteIdentifier(from)} to ${next(to)}`),
      ),
      ...indexes.renamed.map(
        ([from, to]) => `alter index ${quoteQualified(pgNamespace, from)} rename to ${next(to)}`,
      ),
      ...[...renamed, ...placed.filter(({ fresh }) => fresh)].map(({ field }) =>
        alter(`rename column ${next(field.name)} to ${quoteIdentifier(field.name)}`),
      ),
      ...[...kept.map(([, to]) => to), ...constraints.map(({ name }) => name)].map((name) =>
        alter(`rename constraint ${next(name)} to ${quoteIdentifier(name)}`),
      ),
      ...[...indexes.renamed.map(([, to]) => to), ...indexes.built.map(({ name }) => name)].map(
        (name) =>
          `alter index ${quoteQualified(pgNamespace, nextName(name))} rename to ${quoteIdentifier(name)}`,
      ),
      ...(partitioningOf(input.desired) === undefined ? [] : [namePartitionIndexes(table)]),
    ],
    renamed.length > 0 ? { class: 'breaking' } : {},
  );

  swap(
    'defaults and required values',
    placed.flatMap((one) => columnRules(input, one).map(alter)),
  );
  const from = renamed.map(({ prior }) => prior?.name ?? '');
  const to = renamed.map(({ field }) => field.name);
  if (from.length > 0 || columns.length > 0) {
    const where = [pgNamespace, pgTable].map(quoteLiteral).join(', ');
    swap('follow in history', [
      `select platform.reshape_history(${where}, ${names(from)}, ${names(to)}, ${names(columns)}, ${active.revision})`,
    ]);
  }
  return steps.length === 0 && input.samePolicy ? [] : [...first, ...steps];
}

/** What the column itself says of its values, after it has its name. */
function columnRules({ pgTable }: ChangeInput, one: PlacedField): string[] {
  const { field, prior, type, priorType, fresh, backfill } = one;
  const column = quoteIdentifier(field.name);
  const rules: string[] = [];
  const value = defaultOf(field, type);
  // What a new column starts with is its default, unless a backfill fills it in.
  const first = backfill === undefined ? value : undefined;
  const before = prior === undefined ? first : defaultOf(prior, priorType ?? type);
  if (value !== before || (fresh && prior !== undefined)) {
    rules.push(
      value === undefined
        ? `alter column ${column} drop default`
        : `alter column ${column} set default ${value}`,
    );
  }
  const wasRequired = prior === undefined ? first !== undefined : !fresh && prior.required === true;
  if (field.required === true && !wasRequired) rules.push(`alter column ${column} set not null`);
  if (field.required !== true && prior?.required === true && !fresh) {
    rules.push(`alter column ${column} drop not null`);
  }
  if (isProven(one)) {
    rules.push(`drop constraint ${quoteIdentifier(nextName(presenceName(pgTable, field)))}`);
  }
  return rules;
}

function names(list: readonly string[]): string {
  return `array[${list.map(quoteLiteral).join(', ')}]::text[]`;
}
