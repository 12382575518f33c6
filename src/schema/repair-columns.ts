import { systemColumns } from '../contract/names.ts';
import type { DriftItem } from './compare-shapes.ts';
import { postgresName, quoteIdentifier, quoteLiteral } from './identifier.ts';
import type { Repair, RepairPlace } from './plan-repair.ts';
import type { PlanStep } from './plan-step.ts';
import { nextPrefix, planStep, validating } from './plan-step.ts';

interface ColumnRepair {
  readonly item: DriftItem;
  readonly repair: Repair;
  readonly alsoPolicies: boolean;
}

/** What Postgres says of a column, taken apart. */
export interface ColumnDefinition {
  readonly type: string;
  readonly generated: boolean;
  readonly required: boolean;
  readonly value: string | undefined;
}

export function readColumn(definition: string): ColumnDefinition {
  const [, type = '', generated, required, value] =
    /^(.*?)( generated)?( not null)?(?: default (.*))?$/.exec(definition) ?? [];
  return { type, generated: generated !== undefined, required: required !== undefined, value };
}

/**
 * Columns that are missing, too many or otherwise. One that is missing beside one too many of the very
 * same definition was renamed by hand, and keeps its values.
 */
export function repairColumns(items: readonly DriftItem[], place: RepairPlace): ColumnRepair[] {
  const columns = items.filter(({ kind }) => kind === 'column');
  const renamed = renames(columns);
  const repairs: ColumnRepair[] = [];
  for (const item of columns) {
    const from = renamed.get(item);
    if ([...renamed.values()].includes(item)) continue;
    if (from !== undefined) {
      const sql = `do $$ begin
  if exists (select from pg_attribute where attrelid = ${quoteLiteral(place.table)}::regclass and attname = ${quoteLiteral(from.name)} and not attisdropped) then
    alter table ${place.table} rename column ${quoteIdentifier(from.name)} to ${quoteIdentifier(item.name)};
  end if;
end $$;
${place.syncHistory}`;
      const step = planStep('change', `rename ${from.name} back to ${item.name}`, sql);
      repairs.push({ item, repair: { steps: [step] }, alsoPolicies: false });
    } else repairs.push(repairColumn(item, place));
  }
  return repairs;
}

function renames(columns: readonly DriftItem[]): Map<DriftItem, DriftItem> {
  const found = new Map<DriftItem, DriftItem>();
  for (const missing of columns.filter(({ difference }) => difference === 'missing')) {
    const same = columns.filter(
      ({ difference, actual }) => difference === 'unexpected' && actual === missing.expected,
    );
    const rivals = columns.filter(
      ({ difference, expected }) => difference === 'missing' && expected === missing.expected,
    );
    if (same.length === 1 && rivals.length === 1 && same[0] !== undefined)
      found.set(missing, same[0]);
  }
  return found;
}

function repairColumn(item: DriftItem, place: RepairPlace): ColumnRepair {
  const { name, difference, expected = '', actual = '', filled } = item;
  const column = quoteIdentifier(name);
  const { table } = place;
  const only = (repair: Repair): ColumnRepair => ({ item, repair, alsoPolicies: false });
  if (difference === 'unexpected') {
    const gone = `alter table ${table} drop column if exists ${column}`;
    const sql = [gone, putAside(name, place), place.syncHistory].join(';\n');
    const over = filled === false ? {} : ({ class: 'breaking' } as const);
    return only({ steps: [planStep('change', `drop ${name}`, sql, over)] });
  }
  const is = readColumn(actual);
  const should = readColumn(expected);
  if (is.generated || should.generated)
    return only({ refused: 'its values are computed: drop it by hand' });
  if (difference === 'missing') {
    if ((systemColumns as readonly string[]).includes(name)) {
      return only({ refused: 'every record needs it: restore the table from a backup' });
    }
    const value = should.value === undefined ? '' : ` default ${should.value}`;
    const added = `alter table ${table} add column if not exists ${column} ${should.type}${value};\n${place.syncHistory}`;
    const steps = [planStep('change', `add ${name}`, added)];
    return only({ steps: should.required ? [...steps, ...require(name, place)] : steps });
  }
  const steps: PlanStep[] = [];
  const moved = is.type !== should.type;
  if (moved) {
    const sql = [
      `drop policy if exists velocity_records on ${table}`,
      `alter table ${table} alter column ${column} drop default`,
      `alter table ${table} alter column ${column} type ${should.type} using ${column}::${should.type}`,
    ].join(';\n');
    const over = { class: 'breaking', rewrites: true, scans: true } as const;
    steps.push(planStep('change', `change ${name} back to ${should.type}`, sql, over));
  }
  if (moved || is.value !== should.value) {
    const value = should.value === undefined ? 'drop default' : `set default ${should.value}`;
    const sql = `alter table ${table} alter column ${column} ${value}`;
    steps.push(planStep('change', `default of ${name}`, sql));
  }
  if (is.required && !should.required) {
    const sql = `alter table ${table} alter column ${column} drop not null`;
    steps.push(planStep('change', `let ${name} be empty`, sql));
  }
  if (!is.required && should.required) steps.push(...require(name, place));
  return { item, repair: { steps }, alsoPolicies: moved };
}

/**
 * A change of the schema may have found the column there and given history one too: its past stays
 * there under a name of its own, as that of a field that was dropped.
 */
export function putAside(name: string, { pgNamespace, pgTable, revision }: RepairPlace): string {
  const where = [pgNamespace, pgTable].map(quoteLiteral).join(', ');
  return `do $$ begin
  if exists (select from platform.history_tables h join pg_attribute a on a.attrelid = format('%I.%I', h.pg_namespace, h.history)::regclass
              where (h.pg_namespace, h.pg_table) = (${where}) and a.attname = ${quoteLiteral(name)} and not a.attisdropped) then
    perform platform.reshape_history(${where}, '{}', '{}', array[${quoteLiteral(name)}], ${revision});
  end if;
end $$`;
}

/** SET NOT NULL reads the whole table under its lock unless a valid check says it already. */
function require(name: string, { table, pgTable }: RepairPlace): PlanStep[] {
  const column = quoteIdentifier(name);
  const proof = quoteIdentifier(postgresName(nextPrefix, pgTable, name, 'present'));
  const alter = `alter table ${table}`;
  return [
    planStep(
      'verify',
      `look for records without ${name}`,
      `select count(*)::integer as records, min(id::text) as example from (select id from ${table} where ${column} is null limit 1000) as found`,
      { unfit: `have no ${name}` },
    ),
    planStep(
      'change',
      `want ${name}`,
      `${alter} drop constraint if exists ${proof}; ${alter} add constraint ${proof} check (${column} is not null) not valid`,
    ),
    planStep('change', `validate ${name}`, `${alter} validate constraint ${proof}`, validating),
    planStep(
      'change',
      `require ${name}`,
      `${alter} alter column ${column} set not null; ${alter} drop constraint if exists ${proof}`,
    ),
  ];
}
