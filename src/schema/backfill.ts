import type { CheckedCel } from '../cel/check.ts';
import { checkCel } from '../cel/check.ts';
import { convertCel } from '../cel/convert-cel.ts';
import type { CelEnvironment, CelField } from '../cel/environment.ts';
import { celField, recordFields, systemColumns } from '../cel/environment.ts';
import type { CelProblem } from '../cel/parse.ts';
import type { Field } from '../contract/kinds.ts';

/** Columns of a record that are there from the beginning and never change. */
const lasting = ['id', 'created_at', 'created_by'];

/** `self` is the record as it was: its fields and types before the change, by old names and new ones. */
export function backfillEnvironment(
  fields: readonly Field[],
  typeOf: (field: Field) => string,
  renamed: ReadonlyMap<string, string> = new Map(),
): CelEnvironment {
  const before = recordFields(fields, typeOf);
  const self = new Map<string, CelField>(before);
  for (const [now, then] of renamed) {
    const field = before.get(then);
    if (field !== undefined && !self.has(now)) self.set(now, field);
  }
  for (const name of lasting) self.set(name, systemColumns.get(name) ?? celField('text', true));
  return new Map([['self', self]]);
}

/** A backfill of a field whose column is of `type`, with the types of both held against each other. */
export function checkBackfill(
  { name, type: fieldType, backfill = '' }: Field,
  type: string,
  environment: CelEnvironment,
): { ok: CheckedCel } | { problems: readonly CelProblem[] } {
  const checked = checkCel(backfill, environment);
  if ('problems' in checked) return checked;
  const wanted = celField(type, true).type;
  const converted = convertCel(checked.ok, wanted);
  if (converted !== undefined) return { ok: converted };
  const message = `It gives a value of type ${checked.ok.type}; "${name}" is of type ${fieldType}, which takes ${wanted}.`;
  return {
    problems: [{ message, hint: `Convert it: ${wanted}(…); and say what stands for null.` }],
  };
}
