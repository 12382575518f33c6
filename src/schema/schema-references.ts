import type { SchemaDefinitionSpec } from '../contract/kinds.ts';
import { columnType } from './column-type.ts';
import { referenceKeyType, referencePath, schemaPath } from './compile.ts';
import type { DesiredSchema } from './desired-schema.ts';

export interface SchemaReference {
  readonly column: string;
  /** Path of the target schema. */
  readonly target: string;
  readonly targetNamespace: string;
  readonly targetTable: string;
  readonly targetColumn: string;
  readonly onDelete: 'restrict' | 'setNull' | 'cascade';
}

export interface ReferenceTarget {
  readonly spec: SchemaDefinitionSpec;
  readonly pgNamespace: string;
  readonly pgTable: string;
}

/** The schemas that a spec refers to, as resources. */
export function targetKeys({
  fields,
}: SchemaDefinitionSpec): { readonly namespace: string; readonly name: string }[] {
  return fields.flatMap(({ ref }) =>
    ref === undefined
      ? []
      : [{ namespace: `${ref.org}-${ref.app}-${ref.domain}`, name: ref.object }],
  );
}

/** The column type of each field of a spec, which of a reference is its target's. */
export function columnTypesOf(
  desired: DesiredSchema,
  targets: ReadonlyMap<string, ReferenceTarget>,
): Map<string, string> {
  const own = schemaPath({ ...desired, version: desired.spec.version });
  const findSpec = (path: string): SchemaDefinitionSpec | undefined =>
    path === own ? desired.spec : targets.get(path)?.spec;
  return new Map(
    desired.spec.fields.map((field) => [
      field.name,
      columnType(field, field.type === 'ref' ? referenceKeyType(field.ref, findSpec) : undefined),
    ]),
  );
}

/** Real foreign keys: every target lies in this database. A target that is not active yet is missing. */
export function planReferences(
  desired: DesiredSchema,
  targets: ReadonlyMap<string, ReferenceTarget>,
  pgTable: string,
): SchemaReference[] {
  const own = schemaPath({ ...desired, version: desired.spec.version });
  return desired.spec.fields.flatMap((field) => {
    if (field.ref === undefined) return [];
    const path = referencePath(field.ref);
    const target = path === own ? { pgNamespace: desired.pgNamespace, pgTable } : targets.get(path);
    if (target === undefined) return [];
    return [
      {
        column: field.name,
        target: path,
        targetNamespace: target.pgNamespace,
        targetTable: target.pgTable,
        targetColumn: field.ref.key ?? 'id',
        onDelete: field.ref.onDelete ?? 'restrict',
      },
    ];
  });
}

/** Schemas that must be active before this one can be provisioned: its references' targets. */
export function missingTargets(
  desired: DesiredSchema,
  targets: ReadonlyMap<string, ReferenceTarget>,
): string[] {
  const own = schemaPath({ ...desired, version: desired.spec.version });
  const paths = desired.spec.fields.flatMap((field) =>
    field.ref === undefined ? [] : [referencePath(field.ref)],
  );
  return [...new Set(paths)].filter((path) => path !== own && !targets.has(path));
}
