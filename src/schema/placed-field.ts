import type { Field, SchemaDefinitionSpec } from '../contract/kinds.ts';
import type { FieldChange, SchemaDiff } from './diff.ts';
import { postgresName, quoteIdentifier } from './identifier.ts';
import { nextPrefix } from './plan-step.ts';
import type { SchemaReference } from './schema-references.ts';

export interface ChangeInput {
  readonly diff: SchemaDiff;
  readonly active: { readonly revision: number; readonly spec: SchemaDefinitionSpec };
  readonly desired: SchemaDefinitionSpec;
  readonly pgNamespace: string;
  readonly pgTable: string;
  readonly activeType: (field: Field) => string;
  readonly desiredType: (field: Field) => string;
  readonly references: readonly SchemaReference[];
  /** Constraints that the table has now: an earlier release may have made fewer. */
  readonly liveConstraints: ReadonlySet<string>;
  /** Regenerates the triggers of history, so that they know backfills. */
  readonly syncHistory: string;
  /** Whether every role sees the rows that it saw. */
  readonly samePolicy: boolean;
}

/** A field of the new revision and where it is until the swap. */
export interface PlacedField extends FieldChange {
  /** The column that holds it before the swap. */
  readonly columnName: string;
  /** The same, quoted. */
  readonly column: string;
  /** A column of its own is being prepared: it is new, or of another type. */
  readonly fresh: boolean;
}

export function placeField(change: FieldChange): PlacedField {
  const { field, prior, conversion } = change;
  const fresh = prior === undefined || conversion !== undefined;
  const columnName = fresh ? nextName(field.name) : prior.name;
  return { ...change, columnName, column: quoteIdentifier(columnName), fresh };
}

export function nextName(name: string): string {
  return postgresName(nextPrefix, name);
}

/** SET NOT NULL reads the whole table under its lock unless a valid check says it already. */
export function isProven({ field, prior, fresh, backfill }: PlacedField): boolean {
  if (field.required !== true) return false;
  if (prior === undefined) return backfill !== undefined;
  return fresh || prior.required !== true;
}

export function presenceName(pgTable: string, { name }: Field): string {
  return postgresName(pgTable, name, 'present');
}

export function referenceOf(input: ChangeInput, field: Field): SchemaReference | undefined {
  return input.references.find(({ column }) => column === field.name);
}
