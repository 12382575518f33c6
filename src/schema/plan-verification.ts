import { comparedRules } from './compare-rules.ts';
import { quoteIdentifier, quoteQualified } from './identifier.ts';
import type { ChangeInput, PlacedField } from './placed-field.ts';
import { referenceOf } from './placed-field.ts';
import type { PlanStep } from './plan-step.ts';
import { planStep } from './plan-step.ts';
import { checkOf, defaultOf } from './record-table.ts';
import { ruleCheck } from './validation-rule.ts';
import { isRequiredNow, valueAfter } from './value-after.ts';

/** Records that do not fit are counted up to here: more only take longer. */
const countedMax = 1_000;

/**
 * What could stop the change is looked for first, beside the traffic and before anything is touched:
 * each step finds the records that do not fit. Later constraints hold against what is written since.
 */
export function planVerification(
  input: ChangeInput,
  placed: readonly PlacedField[],
  table: string,
): PlanStep[] {
  const { diff } = input;
  const narrowed = new Set(
    diff.changes
      .filter(({ kind }) => kind === 'tightenCheck' || kind === 'changeType')
      .map(({ field }) => field),
  );
  const steps = placed.flatMap((one): PlanStep[] => {
    const { field, prior, type, conversion, backfill } = one;
    if (backfill !== undefined) return [verifyBackfill(input, one, table)];
    if (prior === undefined) return [];
    const column = quoteIdentifier(prior.name);
    const value = conversion?.convert(column) ?? column;
    const fits = conversion === undefined ? 'true' : conversion.fits(column);
    const found: PlanStep[] = [];
    const verify = (name: string, unfit: string, condition: string): void => {
      found.push(unfitRecords(table, `verify ${name} of ${field.name}`, unfit, condition));
    };
    if (conversion !== undefined && !conversion.exact) {
      const unfit = `with a value of ${prior.name} that is no ${field.type} without loss`;
      verify('the values', unfit, `${column} is not null and (${fits}) is not true`);
    }
    const check = checkOf(input.pgTable, field, type, `(${value})`);
    if (check !== undefined && narrowed.has(field.name)) {
      const condition = `case when ${column} is null or (${fits}) is not true then false else not (${check.expression}) end`;
      verify('the limits', `have a ${prior.name} outside the new limits`, condition);
    }
    const filled = field.default !== undefined && field.default !== null;
    if (field.required === true && prior.required !== true && !filled) {
      verify('the presence', `have no ${prior.name}`, `${column} is null`);
    }
    const reference = referenceOf(input, field);
    const follows = diff.changes.some(
      ({ kind, field: name }) =>
        name === field.name && (kind === 'addReference' || kind === 'changeReference'),
    );
    if (reference !== undefined && follows) {
      const target = quoteQualified(reference.targetNamespace, reference.targetTable);
      const key = quoteIdentifier(reference.targetColumn);
      const condition = `case when ${column} is null or (${fits}) is not true then false
          else not exists (select from ${target} as target where target.${key} = ${value}) end`;
      verify('the references', `refer to nothing in ${field.name}`, condition);
    }
    return found;
  });
  return [...steps, ...brokenRules(input, placed, table), ...duplicates(input, placed, table)];
}

function unfitRecords(table: string, name: string, unfit: string, condition: string): PlanStep {
  const sql = `select count(*) as records, min(id::text) as example
        from (select id from ${table} where ${condition} limit ${countedMax}) as unfit`;
  return planStep('verify', name, sql, { unfit });
}

/** A backfill that gives a record nothing, or what the field does not take. */
function verifyBackfill({ pgTable }: ChangeInput, one: PlacedField, table: string): PlanStep {
  const { field, prior, type, conversion, backfill } = one;
  const value = backfill?.value('') ?? 'null';
  const source = quoteIdentifier(prior?.name ?? '');
  const absent = prior === undefined || isRequiredNow(one);
  const cases = [
    ...(prior === undefined || conversion !== undefined ? [] : [`${source} is not null`]),
    ...(conversion === undefined
      ? []
      : [
          `${absent ? '' : `${source} is null or `}(${source} is not null and ${conversion.fits(source)})`,
        ]),
  ].map((condition) => `when ${condition} then false`);
  const check = checkOf(pgTable, field, type, `(${value})`);
  const missing = field.required === true || backfill?.nullable !== true;
  const condition = `case ${cases.join(' ')} when (${backfill?.fits('')}) is not true then true
          when (${value}) is null then ${missing} else not (${check?.expression ?? 'true'}) end`;
  const unfit = `get no ${field.name} from its backfill`;
  return unfitRecords(table, `verify the backfill of ${field.name}`, unfit, condition);
}

/** Records as they will be, held against the rules that are new. */
function brokenRules(
  input: ChangeInput,
  placed: readonly PlacedField[],
  table: string,
): PlanStep[] {
  const values = new Map(
    placed.map((one) => {
      const { field, prior, type } = one;
      const column = prior && quoteIdentifier(prior.name);
      const fixed = column ?? defaultOf(field, type) ?? `null::${type}`;
      return [field.name, `(${valueAfter(one)?.value('') ?? fixed})`];
    }),
  );
  return comparedRules(input, placed).made.map(({ name, rule }) =>
    unfitRecords(
      table,
      `verify ${name}`,
      `break the validation ${JSON.stringify(rule.message)}`,
      `not (${ruleCheck(rule, (field) => values.get(field) ?? 'null')})`,
    ),
  );
}

/** Values that two records share, where they may not any more. */
function duplicates(
  { diff, desired }: ChangeInput,
  placed: readonly PlacedField[],
  table: string,
): PlanStep[] {
  const unique = diff.changes.filter(({ kind }) => kind === 'addUnique');
  const single = unique.flatMap(({ field }) => (field === undefined ? [] : [[field]]));
  const composite = unique.some(({ field }) => field === undefined)
    ? (desired.indexes ?? [])
        .filter((index) => index.unique === true && index.where === undefined)
        .map((index) => index.fields.map(({ name }) => name))
    : [];
  // Those over some records alone are judged by the index itself.
  return [...single, ...composite].flatMap((names) => {
    const values = names.map((name) => {
      const one = placed.find(({ field }) => field.name === name);
      if (one?.prior === undefined) return undefined;
      const column = quoteIdentifier(one.prior.name);
      return one.conversion?.exact === false || one.backfill !== undefined
        ? undefined
        : (one.conversion?.convert(column) ?? column);
    });
    // A new field has no values yet; converted ones are compared by the index itself.
    if (values.some((value) => value === undefined)) return [];
    const sql = `select count(*) as records, min(id) as example
      from (select min(id::text) as id from ${table}
             where ${values.map((value) => `${value} is not null`).join(' and ')}
             group by ${values.join(', ')} having count(*) > 1 limit ${countedMax}) as unfit`;
    const unfit = `share their ${names.join(', ')} with others`;
    return [planStep('verify', `verify that ${names.join(', ')} is unique`, sql, { unfit })];
  });
}
