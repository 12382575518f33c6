import type { Field, SchemaDefinitionSpec } from '../contract/kinds.ts';
import type { Conversion } from './conversion.ts';
import { planConversion } from './conversion.ts';
import { overwrites } from './diff.ts';
import { quoteIdentifier } from './identifier.ts';
import { defaultOf } from './record-table.ts';

/** One of two versions of a schema. */
export interface VersionEnd {
  readonly spec: SchemaDefinitionSpec;
  readonly pgTable: string;
  /** Column types, which of a reference is its target's. */
  readonly typeOf: (field: Field) => string;
}

/** A CEL expression as SQL over a row of the old table, with the fields it looks at; or why not. */
export type CompileMapping = (
  expression: string,
  field: Field,
  type: string,
) => CompiledMapping | { readonly problem: string };

export interface CompiledMapping {
  readonly sql: string;
  /** Of its value, as Postgres calls it. */
  readonly type: string;
  readonly fields: readonly string[];
}

/** Where the value of a field of the new version comes from; SQL over a row of the old one, `s`. */
export interface MappedField {
  readonly field: Field;
  readonly type: string;
  readonly value: string;
  /** Set where there is a value to convert: those that do not fit are found by it. */
  readonly conversion?: {
    /** What a person calls the value. */
    readonly source: string;
    readonly column: string;
    readonly fits: string;
  };
}

export interface VersionMapping {
  readonly fields: readonly MappedField[];
  /** Why it cannot be done; empty: it can. */
  readonly problems: readonly string[];
  /** Fields of the old version that the new one takes nothing from. */
  readonly leftBehind: readonly string[];
}

/** The row of the old table, in every expression of a copy. */
export const sourceAlias = 's';

/**
 * Each field of the new version takes what the mapping says; else the value of the field that has, or
 * had, its name, converted where it has another type; else its default; else nothing.
 */
export function mapVersion(
  from: VersionEnd,
  to: VersionEnd,
  compile: CompileMapping,
): VersionMapping {
  const mapping = to.spec.lifecycle?.migrateFrom?.mapping ?? {};
  const problems: string[] = [];
  const taken = new Set<string>();
  const fields = to.spec.fields.flatMap((field): MappedField[] => {
    const type = to.typeOf(field);
    const expression = mapping[field.name];
    if (expression !== undefined) {
      const compiled = compile(expression, field, type);
      if ('problem' in compiled) {
        problems.push(`the mapping of ${field.name}: ${compiled.problem}`);
        return [];
      }
      for (const name of compiled.fields) taken.add(name);
      const source = {
        name: `mapped ${field.name}`,
        column: `(${compiled.sql})`,
        type: compiled.type,
      };
      const mapped = convertField(field, type, source);
      if (mapped === undefined)
        problems.push(`the mapping of ${field.name}: it is no ${field.type}`);
      return mapped === undefined ? [] : [mapped];
    }
    const prior = findPrior(field, from.spec);
    const other = overwrites(field, from.spec);
    if (other !== undefined)
      problems.push(
        `${field.name} is renamed from ${other.name}, and ${from.spec.version} has both: map it`,
      );
    if (prior === undefined) {
      const value = defaultOf(field, type);
      if (value === undefined && field.required === true)
        problems.push(`${field.name} is required and comes from nothing: map it`);
      return [{ field, type, value: value ?? `null::${type}` }];
    }
    taken.add(prior.name);
    const converted = convertField(field, type, {
      name: prior.name,
      column: `${sourceAlias}.${quoteIdentifier(prior.name)}`,
      type: from.typeOf(prior),
      bounds: prior,
    });
    if (converted === undefined)
      problems.push(
        `no ${prior.type} of ${prior.name} is a ${field.type} of ${field.name}: map it`,
      );
    return converted === undefined ? [] : [converted];
  });
  for (const name of Object.keys(mapping)) {
    if (to.spec.fields.some((field) => field.name === name)) continue;
    problems.push(`the mapping names ${name}, which is no field of ${to.spec.version}`);
  }
  const leftBehind = from.spec.fields.map(({ name }) => name).filter((name) => !taken.has(name));
  return { fields, problems, leftBehind };
}

function findPrior(field: Field, { fields }: SchemaDefinitionSpec): Field | undefined {
  return (
    fields.find(({ name }) => name === field.name) ??
    fields.find(({ name }) => name === field.renamedFrom)
  );
}

interface Source {
  readonly name: string;
  readonly column: string;
  readonly type: string;
  readonly bounds?: Pick<Field, 'min' | 'max'>;
}

function convertField(field: Field, type: string, source: Source): MappedField | undefined {
  const { name, column, bounds } = source;
  const conversion: Conversion | undefined =
    type === source.type ? unchanged : planConversion(source.type, type, bounds);
  if (conversion === undefined) return undefined;
  const fallback = field.required === true ? defaultOf(field, type) : undefined;
  const converted = conversion.convert(column);
  const value = fallback === undefined ? converted : `coalesce(${converted}, ${fallback})`;
  const fits = conversion.exact ? 'true' : conversion.fits(column);
  return { field, type, value, conversion: { source: name, column, fits } };
}

const unchanged: Conversion = { exact: true, fits: () => 'true', convert: (column) => column };
