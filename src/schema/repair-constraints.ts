import type { DriftItem } from './compare-shapes.ts';
import { quoteIdentifier, quoteLiteral, quoteQualified } from './identifier.ts';
import type { Repair, RepairPlace } from './plan-repair.ts';
import { planStep, validating } from './plan-step.ts';

/** NOT VALID binds writes from now on and costs nothing; VALIDATE then reads beside the traffic. */
export function repairConstraint(item: DriftItem, place: RepairPlace): Repair {
  const { name, difference, expected = '', actual = '' } = item;
  const { table, pgNamespace } = place;
  const constraint = quoteIdentifier(name);
  const validate = planStep(
    'change',
    `validate ${name}`,
    `alter table ${table} validate constraint ${constraint}`,
    validating,
  );
  if (difference === 'unexpected') {
    const sql = `alter table ${table} drop constraint if exists ${constraint}`;
    return { steps: [planStep('change', `drop constraint ${name}`, sql)] };
  }
  if (actual === `${expected} NOT VALID`) return { steps: [validate] };
  if (actual === `${expected} (its triggers are disabled)`) {
    return { refused: `a superuser runs: alter table ${table} enable trigger all` };
  }
  if (/^(PRIMARY KEY|UNIQUE|EXCLUDE)/.test(expected)) return repairKey(item, place);
  const definition = expected.startsWith('foreign key')
    ? reference(expected, pgNamespace)
    : expected;
  if (definition === undefined) return { refused: 'a person puts it back' };
  const sql = `alter table ${table} drop constraint if exists ${constraint};
    alter table ${table} add constraint ${constraint} ${definition} not valid`;
  return { steps: [planStep('change', `constrain ${name}`, sql), validate] };
}

function repairKey(
  { name, expected = '' }: DriftItem,
  { table, partitioned }: RepairPlace,
): Repair {
  const columns = /^PRIMARY KEY (\(.*\))$/.exec(expected)?.[1];
  if (columns === undefined || partitioned) {
    return {
      refused: 'a key of partitions cannot be built while they serve: a person puts it back',
    };
  }
  const key = quoteIdentifier(name);
  const sql = `do $$ begin
  if not exists (select from pg_constraint where conrelid = ${quoteLiteral(table)}::regclass and contype = 'p') then
    alter table ${table} add constraint ${key} primary key using index ${key};
  end if;
end $$`;
  return {
    steps: [
      planStep(
        'build',
        `index of ${name}`,
        `create unique index concurrently if not exists ${key} on ${table} ${columns}`,
        { index: name },
      ),
      planStep('change', `key ${name}`, sql),
    ],
  };
}

/** As the catalogue query prints it: a target in the same namespace is named without it. */
function reference(expected: string, pgNamespace: string): string | undefined {
  const found = /^foreign key \((.+)\) references (\S+) \((.+?)\)( .*)?$/.exec(expected);
  if (found === null || found[4] !== undefined) return undefined;
  const [, own = '', target = '', key = ''] = found;
  const [one = '', two] = target.split('.');
  const to = two === undefined ? quoteQualified(pgNamespace, one) : quoteQualified(one, two);
  return `foreign key (${own}) references ${to} (${key})`;
}

/** Built beside the traffic; over partitions, on each of them. */
export function repairIndex(
  item: DriftItem,
  { pgNamespace, pgTable, table, partitioned }: RepairPlace,
): Repair {
  const { name, difference, expected = '', actual = '' } = item;
  const index = quoteIdentifier(name);
  const drop = planStep(
    'change',
    `drop index ${name}`,
    `drop index if exists ${quoteQualified(pgNamespace, name)}`,
  );
  if (difference === 'unexpected') return { steps: [drop] };
  const found =
    /^CREATE (UNIQUE )?INDEX (?:"[^"]+"|\S+) ON (?:ONLY )?(?:"[^"]+"|\S+) (USING .*)$/.exec(
      expected,
    );
  if (found === null) return { refused: 'a person puts it back' };
  const unique = found[1] !== undefined;
  const definition = found[2] ?? '';
  const create = `create ${unique ? 'unique ' : ''}index`;
  const step = partitioned
    ? planStep(
        'build',
        `index ${name}`,
        `${create} if not exists ${index} on only ${table} ${definition}`,
        {
          ...{ index: name, lock: 'SHARE' },
          ofPartitions: { unique, definition, label: 'repair', table: pgTable },
        },
      )
    : planStep(
        'build',
        `index ${name}`,
        `${create} concurrently if not exists ${index} on ${table} ${definition}`,
        { index: name },
      );
  // One that was never finished is taken down by whoever builds it anew.
  const other = difference === 'changed' && actual !== `${expected} (invalid)`;
  return { steps: other ? [drop, step] : [step] };
}
