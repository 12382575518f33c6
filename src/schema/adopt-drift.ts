import type { Field, FieldType, SchemaDefinitionSpec } from '../contract/kinds.ts';
import { systemColumns } from '../contract/names.ts';
import type { DriftItem } from './compare-shapes.ts';
import { describeDrift } from './compare-shapes.ts';
import { checkName, uniqueIndexName } from './compile.ts';
import { readColumn } from './repair-columns.ts';

export interface Adoption {
  /** What the schema would have to say for the catalogue to be right. */
  readonly spec: SchemaDefinitionSpec;
  readonly adopted: readonly string[];
  readonly refused: readonly { readonly summary: string; readonly why: string }[];
}

type Answer = { readonly spec: SchemaDefinitionSpec } | { readonly refused: string };

/**
 * Takes over what somebody changed by hand, as far as a schema can say it: the spec that has it. What
 * it cannot say is refused with the reason, and stays drift.
 */
export function adoptDrift(
  spec: SchemaDefinitionSpec,
  pgTable: string,
  items: readonly DriftItem[],
): Adoption {
  const adopted: string[] = [];
  const refused: { summary: string; why: string }[] = [];
  let next = spec;
  for (const item of items) {
    const answer = adoptOne(next, pgTable, item);
    if ('spec' in answer) {
      next = answer.spec;
      adopted.push(describeDrift(item));
    } else refused.push({ summary: describeDrift(item), why: answer.refused });
  }
  return { spec: next, adopted, refused };
}

const notSaid = 'a schema does not say it';

function adoptOne(spec: SchemaDefinitionSpec, pgTable: string, item: DriftItem): Answer {
  switch (item.kind) {
    case 'column':
      return adoptColumn(spec, item);
    case 'constraint':
      return adoptConstraint(spec, pgTable, item);
    case 'index':
      return item.difference === 'unexpected'
        ? adoptIndex(spec, item)
        : giveUpIndex(spec, pgTable, item);
    default:
      return { refused: `${notSaid}: repair puts it back` };
  }
}

function withField(
  spec: SchemaDefinitionSpec,
  name: string,
  over: (field: Field) => Partial<Record<keyof Field, unknown>>,
): SchemaDefinitionSpec {
  return {
    ...spec,
    fields: spec.fields.map((field) => {
      if (field.name !== name) return field;
      const merged = Object.entries({ ...field, ...over(field) });
      return Object.fromEntries(
        merged.filter(([, value]) => value !== undefined),
      ) as unknown as Field;
    }),
  };
}

function adoptColumn(spec: SchemaDefinitionSpec, item: DriftItem): Answer {
  const { name, difference, expected = '', actual = '' } = item;
  if (difference === 'unexpected') {
    return {
      refused: `a field that is added gets a column of its own. Add one of another name, copy the values through the API, and let repair drop ${name}`,
    };
  }
  if (difference === 'missing') {
    return {
      refused: `its values are gone. Drop the field from the manifest, or let repair add the column again`,
    };
  }
  if ((systemColumns as readonly string[]).includes(name)) return { refused: notSaid };
  const is = readColumn(actual);
  const was = readColumn(expected);
  const field = spec.fields.find((one) => one.name === name);
  if (field === undefined || is.generated) return { refused: notSaid };
  const over: Partial<Record<keyof Field, unknown>> = {};
  if (is.type !== was.type) {
    return {
      refused: `history keeps ${name} as ${was.type}. Let repair put it back, and change the field's type in the manifest: that is done beside the traffic, and history follows`,
    };
  }
  if (is.required !== was.required) over.required = is.required;
  if (is.value !== was.value) {
    const value = is.value === undefined ? undefined : literalOf(is.value, field.type);
    if (is.value !== undefined && value === undefined) {
      return { refused: `a default is a constant, which ${is.value} is not` };
    }
    over.default = value;
  }
  return { spec: withField(spec, name, () => over) };
}

/** `'4'::bigint`, `4`, `'x'::text`, `true`: what a constant looks like once Postgres has read it. */
function literalOf(value: string, type: FieldType): unknown {
  const text =
    /^'((?:[^']|'')*)'::[a-z ]+$/.exec(value)?.[1]?.replaceAll("''", "'") ??
    /^\(?(-?\d+(?:\.\d+)?|true|false)\)?(?:::[a-z ]+)?$/.exec(value)?.[1];
  if (text === undefined) return undefined;
  if (type === 'integer' || type === 'number') return Number(text);
  if (type === 'boolean') return text === 'true';
  return ['string', 'enum', 'decimal', 'date', 'datetime', 'uuid'].includes(type)
    ? text
    : undefined;
}

function adoptConstraint(spec: SchemaDefinitionSpec, pgTable: string, item: DriftItem): Answer {
  const { name, difference, actual = '' } = item;
  const own = spec.fields.find((field) => checkName(pgTable, field.name) === name);
  if (difference === 'missing') {
    if (own === undefined || own.type === 'enum')
      return { refused: `the schema needs it: repair puts it back` };
    const none = { maxLength: undefined, min: undefined, max: undefined };
    return { spec: withField(spec, own.name, () => none) };
  }
  const said = readLimits(actual);
  if (said === undefined) return { refused: `${notSaid}: a field has maxLength, min and max` };
  const field = spec.fields.find((one) => one.name === said.column);
  if (field === undefined || field.type === 'enum' || (own !== undefined && own !== field)) {
    return { refused: notSaid };
  }
  // A check of another name comes on top of the field's own.
  const before =
    difference === 'changed' ? { maxLength: undefined, min: undefined, max: undefined } : {};
  return { spec: withField(spec, field.name, () => ({ ...before, ...said.limits })) };
}

/** A limit of a field as Postgres prints the check that holds it, without brackets and casts. */
const limit = /^(char_length )?"?([a-z][a-z0-9_]*)"? (>=|<=) (-?\d+(?:\.\d+)?)$/;

function readLimits(definition: string): { column: string; limits: Partial<Field> } | undefined {
  const inner = /^CHECK \((.*)\)$/.exec(definition)?.[1];
  if (inner === undefined) return undefined;
  const found: Partial<Record<'maxLength' | 'min' | 'max', number>> = {};
  const columns = new Set<string>();
  for (const part of inner.split(' AND ')) {
    const plain = part.replaceAll(/::[a-z ]+/g, '').replaceAll(/['()]/g, ' ');
    const [, length, column, operator, bound] =
      limit.exec(plain.replaceAll(/ +/g, ' ').trim()) ?? [];
    if (column === undefined || (length !== undefined && operator === '>=')) return undefined;
    columns.add(column);
    found[length !== undefined ? 'maxLength' : operator === '>=' ? 'min' : 'max'] = Number(bound);
  }
  const [column, ...others] = columns;
  return column === undefined || others.length > 0 ? undefined : { column, limits: found };
}

/** A B-tree over fields, none of them computed, and over all records. */
function adoptIndex(spec: SchemaDefinitionSpec, { actual = '' }: DriftItem): Answer {
  const found = /^CREATE (UNIQUE )?INDEX \S+ ON (?:ONLY )?\S+ USING btree \(([^()]+)\)$/.exec(
    actual,
  );
  if (found === null) {
    return { refused: `${notSaid}: it has plain B-trees over fields and all records` };
  }
  const unique = found[1] !== undefined;
  const columns = (found[2] ?? '').split(', ').map((text) => {
    const [, name = text, direction] = /^"?([a-z][a-z0-9_]*)"?( DESC)?$/.exec(text) ?? [];
    return { name, direction: direction === undefined ? ('asc' as const) : ('desc' as const) };
  });
  const known = new Set(spec.fields.map(({ name }) => name));
  // The platform ends indexes with the id by itself.
  const fields = unique || columns.at(-1)?.name !== 'id' ? columns : columns.slice(0, -1);
  const [first] = fields;
  if (first === undefined || fields.some(({ name }) => !known.has(name)))
    return { refused: notSaid };
  if (fields.length === 1 && (unique || first.direction === 'asc')) {
    const flag = unique ? { unique: true } : { indexed: true };
    return { spec: withField(spec, first.name, () => flag) };
  }
  return { spec: { ...spec, indexes: [...(spec.indexes ?? []), { fields, unique }] } };
}

function giveUpIndex(spec: SchemaDefinitionSpec, pgTable: string, { name }: DriftItem): Answer {
  const unique = spec.fields.find((one) => uniqueIndexName(pgTable, [one.name]) === name);
  if (unique?.unique === true)
    return { spec: withField(spec, unique.name, () => ({ unique: false })) };
  return {
    refused: 'the schema needs it for what it lets callers filter and sort by: repair builds it',
  };
}
