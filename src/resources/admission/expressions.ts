import type { CheckedCel } from '../../cel/check.ts';
import { checkCel } from '../../cel/check.ts';
import type { CelEnvironment } from '../../cel/environment.ts';
import { recordColumns, recordFields, systemColumns } from '../../cel/environment.ts';
import { exposedFields, macrosOf, rootsOf } from '../../cel/fields-of.ts';
import type { CelProblem } from '../../cel/parse.ts';
import { celToSql } from '../../cel/to-sql.ts';
import type { Field, SchemaDefinition, SchemaDefinitionSpec } from '../../contract/kinds.ts';
import { backfillEnvironment, checkBackfill } from '../../schema/backfill.ts';
import { columnType } from '../../schema/column-type.ts';
import { referenceKeyType } from '../../schema/compile.ts';
import { quoteIdentifier, quoteLiteral } from '../../schema/identifier.ts';
import { filtersRecords, policyEnvironment, policySql } from '../../schema/policy.ts';
import { validationEnvironment } from '../../schema/validation-rule.ts';
import type { Finding } from './finding.ts';
import { at, quoted, refuse, warn } from './finding.ts';
import type { AdmissionView } from './view.ts';

/**
 * CEL has types like everything else: what does not fit its fields, or is over its bounds, is refused
 * with its place. So is what SQL cannot say in the same words, since all three uses end there.
 */
export function* schemaExpressions(
  schema: SchemaDefinition,
  view: AdmissionView,
): Iterable<Finding> {
  const { spec } = schema;
  const typeOf = columnTypes(view);
  const self = recordFields(spec.fields, typeOf);
  const events = validationEnvironment(spec.fields, typeOf);
  yield* validations(spec, events);
  yield* policies(spec, typeOf);
  yield* conditions(spec, new Map([['self', new Map([...self, ...systemColumns])]]));
  yield* backfills(schema, view, typeOf);
  for (const [i, { filter }] of (spec.webhooks ?? []).entries()) {
    if (filter !== undefined) yield* condition(at('spec', 'webhooks', i, 'filter'), filter, events);
  }
}

type TypeOf = (field: Field) => string;

function columnTypes(view: AdmissionView): TypeOf {
  const findSpec = (path: string): SchemaDefinitionSpec | undefined => {
    const [org, app, domain, object] = path.split('/');
    return view.find('SchemaDefinition', `${org}-${app}-${domain}`, object ?? '')?.spec;
  };
  return (field) =>
    columnType(field, field.type === 'ref' ? referenceKeyType(field.ref, findSpec) : undefined);
}

function* validations(spec: SchemaDefinitionSpec, environment: CelEnvironment): Iterable<Finding> {
  for (const [i, { type, rule }] of (spec.validations ?? []).entries()) {
    if (type !== 'cel' || rule === undefined) continue;
    const pointer = at('spec', 'validations', i, 'rule');
    const cel = yield* condition(pointer, rule, environment);
    if (cel === undefined) continue;
    if (!isForWritersAlone(cel)) yield* compiles(pointer, cel);
    else if (looksAlone(cel)) {
      yield warn(
        `Validation ${i} looks into a list, which no CHECK can: the API holds writes to it, and the table does not.`,
      );
    }
    yield* unguarded(`Validation ${i} refuses`, cel);
  }
}

/** Operations that are granted and asked for by name, and that nothing does yet. */
const waiting: readonly string[] = [
  ...['restore', 'archive', 'unarchive', 'search', 'export', 'audit'],
];

/**
 * A policy that filters records does so in SQL, so that pages, counts and groups hold nothing that it
 * denies: what cannot be compiled is refused.
 */
function* policies(spec: SchemaDefinitionSpec, typeOf: TypeOf): Iterable<Finding> {
  const names = new Set<string>();
  const known = [...spec.fields.map(({ name }) => name), ...recordColumns.keys()];
  for (const [i, { name, action, condition: source, fields = [] }] of (
    spec.access.policies ?? []
  ).entries()) {
    const pointer = at('spec', 'access', 'policies', i);
    if (names.has(name)) {
      const message = `There is another policy "${name}".`;
      yield refuse(`${pointer}/name`, 'unique', message, 'A denial names it: give each its own.');
    }
    names.add(name);
    for (const [n, field] of fields.entries()) {
      if (known.includes(field)) continue;
      const message = `Policy "${name}" is for field "${field}", which does not exist.`;
      yield refuse(`${pointer}/fields/${n}`, 'policy', message, `Fields are ${quoted(known)}.`);
    }
    if (waiting.includes(action)) {
      yield warn(`Policy "${name}" is for ${action}, which nothing in this release does yet.`);
    }
    const place = `${pointer}/condition`;
    const cel = yield* condition(place, source, policyEnvironment(spec.fields, typeOf, action));
    if (cel === undefined) continue;
    if (filtersRecords(action)) yield* filters(place, name, cel);
    yield* unguarded(`Policy "${name}" denies`, cel);
  }
}

function* filters(pointer: string, name: string, cel: CheckedCel): Iterable<Finding> {
  const compiled = policySql(cel, 't', () => 'null');
  if ('sql' in compiled) return;
  const message = `Policy "${name}" filters records in SQL, which cannot say it: ${compiled.unsupported}.`;
  const hint = 'docs/cel.md says what compiles; a policy of one kind of write need not.';
  yield refuse(pointer, 'policy', message, hint);
}

function* conditions(spec: SchemaDefinitionSpec, environment: CelEnvironment): Iterable<Finding> {
  for (const [i, { where }] of (spec.indexes ?? []).entries()) {
    if (where === undefined) continue;
    const pointer = at('spec', 'indexes', i, 'where');
    const cel = yield* condition(pointer, where, environment);
    if (cel !== undefined) yield* compiles(pointer, cel);
  }
}

/**
 * A backfill looks at the record as it was before the change, as far as that is stored. One that has
 * been admitted before is not judged again: it may speak of a field that it helped to replace.
 */
function* backfills(
  schema: SchemaDefinition,
  view: AdmissionView,
  typeOf: TypeOf,
): Iterable<Finding> {
  const stored = view.findStored(schema)?.spec;
  const { fields } = schema.spec;
  const renamed = new Map(fields.map(({ name, renamedFrom }) => [name, renamedFrom ?? name]));
  const environment = backfillEnvironment(
    stored?.fields ?? fields,
    stored === undefined ? typeOf : columnTypes(view),
    renamed,
  );
  for (const [i, field] of fields.entries()) {
    if (field.backfill === undefined) continue;
    const before = stored?.fields.find(({ name }) => name === field.name);
    if (before?.backfill === field.backfill) continue;
    const pointer = at('spec', 'fields', i, 'backfill');
    const checked = checkBackfill(field, typeOf(field), environment);
    if ('ok' in checked) yield* compiles(pointer, checked.ok);
    else yield* checked.problems.map((problem) => refused(pointer, problem));
  }
}

function* condition(
  pointer: string,
  source: string,
  environment: CelEnvironment,
): Generator<Finding, CheckedCel | undefined> {
  const checked = checkCel(source, environment);
  if ('problems' in checked) {
    yield* checked.problems.map((problem) => refused(pointer, problem));
    return undefined;
  }
  if (checked.ok.type === 'bool') return checked.ok;
  const message = `The expression is of type ${checked.ok.type}, not a condition.`;
  yield refuse(pointer, 'cel', message, 'Compare it with something: self.total > 0.');
  return undefined;
}

function refused(pointer: string, { message, hint, line, column }: CelProblem): Finding {
  if (line === undefined) return refuse(pointer, 'cel', message, hint);
  return refuse(pointer, 'cel', `Line ${line}, column ${column}: ${message}`, hint);
}

/** Who writes and what was there before no CHECK can know, and none looks into lists. */
function isForWritersAlone(cel: CheckedCel): boolean {
  return !looksAlone(cel) || macrosOf(cel).length > 0;
}

/** Whether it looks at the record alone. */
function looksAlone(cel: CheckedCel): boolean {
  return rootsOf(cel).every((root) => root === 'self');
}

/** What the API alone could evaluate waits for a later release. */
function* compiles(pointer: string, cel: CheckedCel): Iterable<Finding> {
  const compiled = celToSql(cel, quoteIdentifier, quoteLiteral);
  if ('sql' in compiled) return;
  const message = `The expression cannot be compiled to SQL in this release: ${compiled.unsupported}.`;
  const hint = 'docs/cel.md says what compiles; use the fields of self and those functions.';
  yield refuse(pointer, 'not-in-this-release', message, hint);
}

/** A rule over a null does not hold, which surprises who thought of filled-in records. */
function* unguarded(subject: string, cel: CheckedCel): Iterable<Finding> {
  const open = exposedFields(cel).filter((name) => {
    const field = `self\\.${name}`;
    const asked = `has\\(\\s*${field}\\s*\\)|${field}\\s*[=!]=\\s*null|null\\s*[=!]=\\s*${field}\\b`;
    return !new RegExp(asked).test(cel.source);
  });
  const [first] = open;
  if (first === undefined) return;
  yield warn(
    `${subject} records without ${open.join(', ')}: write !has(self.${first}) || … to let them pass.`,
  );
}
