import type { CheckedCel } from '../../cel/check.ts';
import { checkCel } from '../../cel/check.ts';
import type { CelEnvironment } from '../../cel/environment.ts';
import { actorFields, recordFields, systemColumns } from '../../cel/environment.ts';
import { exposedFields } from '../../cel/fields-of.ts';
import type { CelProblem } from '../../cel/parse.ts';
import { celToSql } from '../../cel/to-sql.ts';
import type { Field, SchemaDefinition, SchemaDefinitionSpec } from '../../contract/kinds.ts';
import { backfillEnvironment, checkBackfill } from '../../schema/backfill.ts';
import { columnType } from '../../schema/column-type.ts';
import { referenceKeyType } from '../../schema/compile.ts';
import { quoteIdentifier, quoteLiteral } from '../../schema/identifier.ts';
import type { Finding } from './finding.ts';
import { at, refuse, warn } from './finding.ts';
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
  const events = new Map([
    ['self', self],
    ['old', self],
    ['actor', actorFields],
  ]);
  yield* validations(spec, events);
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
    yield* compiles(pointer, cel);
    yield* unguarded(`Validation ${i}`, cel);
  }
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

/** What the API alone could evaluate, or what needs the state before, waits for a later release. */
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
    `${subject} refuses records without ${open.join(', ')}: write !has(self.${first}) || … to let them pass.`,
  );
}
