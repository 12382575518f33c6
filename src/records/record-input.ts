import type { Access } from '../auth/access.ts';
import type { Caller } from '../auth/caller.ts';
import type { Problem } from '../errors.ts';
import { VelocityError, validationError } from '../errors.ts';
import { isMaskText } from '../query/mask.ts';
import type { CompiledField, CompiledSchema } from '../schema/compile.ts';
import { policiesNeedRecord } from './judge-policies.ts';
import { recordValidator } from './record-validator.ts';
import { hiddenProblem, ruleProblems } from './rule-problems.ts';
import { sameFieldValue } from './same-value.ts';

export type RecordValues = Readonly<Record<string, unknown>>;

/** A body that is an object; anything else is refused before a word is said about members. */
export function requireObject(body: unknown): RecordValues {
  if (typeof body === 'object' && body !== null && !Array.isArray(body))
    return body as RecordValues;
  throw validationError('The body must be a JSON object.', [
    { pointer: '', rule: 'type', message: 'must be an object of field names and values' },
  ]);
}

/**
 * Refuses members that the caller cannot write: UNKNOWN_FIELD for what does not exist, what is hidden
 * and what the system keeps, in the same words; FIELD_ACCESS_DENIED for what can be read only;
 * VALIDATION_ERROR for the text of a mask, which would take the place of the value that it hides.
 */
export function requireWritable(
  schema: CompiledSchema,
  access: Access,
  values: RecordValues,
): void {
  const { writable } = access;
  const refused = Object.keys(values).filter((name) => !writable.has(name));
  if (refused.length === 0) refuseMaskTexts(schema, values);
  const unknown: string[] = [];
  const readOnly: string[] = [];
  for (const name of refused) {
    const field = schema.fields.get(name);
    if (field === undefined || field.system || !access.readable.has(name)) unknown.push(name);
    else readOnly.push(name);
  }
  if (unknown.length > 0) {
    throw new VelocityError(
      'UNKNOWN_FIELD',
      `${schema.name} ${schema.version} has no field ${unknown.map((name) => JSON.stringify(name)).join(', ')} to write.`,
      {
        details: { fields: unknown, writable: [...access.writable] },
      },
    );
  }
  if (readOnly.length > 0) {
    throw new VelocityError(
      'FIELD_ACCESS_DENIED',
      `Your roles may read but not write ${readOnly.join(', ')}.`,
      {
        details: { fields: readOnly, layer: 'field' },
      },
    );
  }
}

/**
 * A record that is read, changed and sent back carries its masks along, as does an export that somebody
 * loads: no record may ever hold the text of a mask, whoever writes it.
 */
function refuseMaskTexts(schema: CompiledSchema, values: RecordValues): void {
  const problems = Object.entries(values).flatMap(([name, value]): Problem[] => {
    const mask = schema.fields.get(name)?.spec.mask;
    if (mask === undefined || !isMaskText(mask, value)) return [];
    const message = `${name} would be the text of its mask, which is no value`;
    const hint = 'leave it out to keep the value that is there';
    return [{ pointer: `/${name}`, rule: 'masked', message, hint }];
  });
  if (problems.length > 0) throw notValid(schema, problems);
}

/** The values of a new record: every field of the schema, defaults filled in; every problem at once. */
export function validateNew(
  schema: CompiledSchema,
  access: Access,
  body: RecordValues,
  caller: Caller,
): RecordValues {
  requireWritable(schema, access, body);
  const values = withDefaults(schema, body);
  const problems = recordValidator(schema)(values);
  refuse(schema, ruleProblems(schema, access, values, problems, { caller }), access);
  return values;
}

/** Every field of a new record: what is given, else its default, else null. */
export function withDefaults(schema: CompiledSchema, body: RecordValues): RecordValues {
  const values: Record<string, unknown> = {};
  for (const field of schema.userFields) {
    const given = body[field.name];
    values[field.name] = given === undefined ? (field.spec.default ?? null) : given;
  }
  return values;
}

/** A change of some fields, as far as it can be judged without the record. */
export function validatePatch(
  schema: CompiledSchema,
  access: Access,
  patch: RecordValues,
  caller: Caller,
): void {
  requireWritable(schema, access, patch);
  const problems = recordValidator(schema)(patch);
  refuse(schema, ruleProblems(schema, access, patch, problems, { caller }), access);
}

/** As much as one body may bring: patches must not grow a value beyond it, one after the other. */
const jsonBytesMax = 1024 * 1024;

function oversizedJson(schema: CompiledSchema, changes: RecordValues): Problem[] {
  return Object.entries(changes)
    .filter(([name]) => schema.fields.get(name)?.type === 'json')
    .filter(([, value]) => Buffer.byteLength(JSON.stringify(value ?? null)) > jsonBytesMax)
    .map(([name]) => ({
      pointer: `/${name}`,
      rule: 'maxBytes',
      message: `${name} would be larger than 1 MiB`,
    }));
}

/** A whole record after a change, against all of the record before it, hidden fields included. */
export function validateChanged(
  schema: CompiledSchema,
  access: Access,
  before: RecordValues,
  changes: RecordValues,
  caller: Caller,
): void {
  const after = { ...before, ...changes };
  const found = recordValidator(schema)(changes);
  const problems = [
    ...ruleProblems(schema, access, after, found, { caller, old: before }),
    ...oversizedJson(schema, changes),
    ...Object.keys(changes)
      .map((name) => schema.fields.get(name))
      .filter((field) => field?.spec.immutable === true)
      .filter(
        (field): field is CompiledField =>
          field !== undefined &&
          // Whether a guess is the value is nothing to tell to who sees it masked.
          (access.masks.has(field.name) ||
            !sameFieldValue(field, before[field.name], changes[field.name])),
      )
      .map(
        (field): Problem => ({
          pointer: `/${field.name}`,
          rule: 'immutable',
          message: `${field.name} can be set on create only`,
        }),
      ),
  ];
  refuse(schema, problems, access);
}

/** Whether a patch can be judged only against the record as it is. */
export function needsRecord(schema: CompiledSchema, access: Access, patch: RecordValues): boolean {
  if (schema.writeRules.length > 0 || policiesNeedRecord(access)) return true;
  const judged = schema.rules.some(
    ({ fields }) => fields.some((name) => name in patch) && !fields.every((name) => name in patch),
  );
  return (
    judged ||
    Object.entries(patch).some(([name, value]) => {
      const field = schema.fields.get(name);
      // A merge patch of an object goes into the object that is there (RFC 7396).
      return (
        field?.spec.immutable === true ||
        (field?.type === 'json' &&
          typeof value === 'object' &&
          value !== null &&
          !Array.isArray(value))
      );
    })
  );
}

function notValid({ name, version }: CompiledSchema, problems: readonly Problem[]): VelocityError {
  return validationError(`The record is not a valid ${name} ${version}.`, problems);
}

/** Problems of fields that the caller cannot see are a server-side matter: they never show. */
function refuse(schema: CompiledSchema, problems: readonly Problem[], access: Access): void {
  if (problems.length === 0) return;
  const shown = problems.filter((problem) => {
    const name = problem.pointer.split('/')[1] ?? '';
    return !schema.fields.has(name) || access.readable.has(name);
  });
  throw notValid(schema, shown.length > 0 ? shown : [hiddenProblem]);
}
