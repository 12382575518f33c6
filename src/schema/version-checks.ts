import { quoteIdentifier } from './identifier.ts';
import { checkOf } from './record-table.ts';
import type { SchemaReference } from './schema-references.ts';
import type { MappedField, VersionEnd } from './version-mapping.ts';

/** Finds records that the new version would not take. */
export interface VersionCheck {
  /** What is wrong with the records that it finds: `have no title`. */
  readonly unfit: string;
  /** Answers `records` and the id of one of them, `example`. */
  readonly sql: string;
}

/** Records that do not fit are counted up to here: more only take longer. */
const countedMax = 1_000;

export interface CheckedVersions {
  readonly to: VersionEnd;
  readonly fields: readonly MappedField[];
  /** Of the new version. */
  readonly references: readonly SchemaReference[];
  /** Quoted, with their namespace. */
  readonly source: string;
  readonly target: string;
}

/** What could stop the copy is looked for before it begins, beside the traffic. */
export function planVersionChecks(versions: CheckedVersions): VersionCheck[] {
  const { fields, source, target } = versions;
  const ids = `select s.id from ${source} s join ${target} t on t.id = s.id`;
  return [
    found('have an id that the new version gave to a record of its own', ids),
    ...fields.flatMap((mapped) => [...fieldChecks(mapped, versions)]),
    ...uniqueChecks(versions),
  ];
}

function* fieldChecks(mapped: MappedField, versions: CheckedVersions): Iterable<VersionCheck> {
  const { field, type, value, conversion } = mapped;
  const { to, source } = versions;
  const where = (condition: string): string => `select s.id from ${source} s where ${condition}`;
  const fits = conversion?.fits ?? 'true';
  const given = conversion === undefined ? 'true' : `${conversion.column} is not null`;
  if (conversion !== undefined && fits !== 'true') {
    const unfit = `have a value of ${conversion.source} that is no ${field.type} without loss`;
    yield found(unfit, where(`${given} and (${fits}) is not true`));
  }
  /** Only of values that convert: the others have been found above. */
  const convertible = (condition: string): string =>
    where(`case when ${given} and (${fits}) is not true then false else ${condition} end`);
  const check = checkOf(to.pgTable, field, type, `(${value})`);
  if (check !== undefined) {
    yield found(
      `have a ${field.name} outside its limits`,
      convertible(`not (${check.expression})`),
    );
  }
  if (field.required === true) {
    yield found(`have no ${field.name}`, convertible(`(${value}) is null`));
  }
  const reference = versions.references.find(({ column }) => column === field.name);
  if (reference === undefined) return;
  const own = reference.targetTable === to.pgTable;
  // Records of the new version refer to each other once they have all arrived: by their ids.
  if (own && reference.targetColumn !== 'id') return;
  const place = own
    ? source
    : `${quoteIdentifier(reference.targetNamespace)}.${quoteIdentifier(reference.targetTable)}`;
  const key = quoteIdentifier(reference.targetColumn);
  const leads = `exists (select from ${place} as r where r.${key} = (${value}))`;
  yield found(
    `refer to nothing in ${field.name}`,
    convertible(`(${value}) is not null and not ${leads}`),
  );
}

/**
 * Values that two records share, or that the new version has already. An index over some records alone
 * judges them itself.
 */
function uniqueChecks({ to, fields, source, target }: CheckedVersions): VersionCheck[] {
  const single = to.spec.fields.filter(({ unique }) => unique === true).map(({ name }) => [name]);
  const composite = (to.spec.indexes ?? [])
    .filter(({ unique, where }) => unique === true && where === undefined)
    .map((index) => index.fields.map(({ name }) => name));
  return [...single, ...composite].flatMap((names) => {
    const values = names.map((name) => fields.find(({ field }) => field.name === name)?.value);
    if (values.some((value) => value === undefined)) return [];
    const given = values.map((value) => `(${value}) is not null`).join(' and ');
    const same = names
      .map((name, place) => `t.${quoteIdentifier(name)} = (${values[place]})`)
      .join(' and ');
    return [
      found(
        `share their ${names.join(', ')} with others`,
        `select min(s.id::text)::uuid as id from ${source} s where ${given}
          group by ${values.map((value) => `(${value})`).join(', ')} having count(*) > 1`,
      ),
      found(
        `have a ${names.join(', ')} that a record of the new version has already`,
        `select s.id from ${source} s where ${given} and exists (select from ${target} t where ${same} and t.id <> s.id)`,
      ),
    ];
  });
}

function found(unfit: string, ids: string): VersionCheck {
  const sql = `select count(*) as records, min(id::text) as example from (${ids} limit ${countedMax}) as unfit`;
  return { unfit, sql };
}
