import type {
  Domain,
  Field,
  FieldReference,
  FieldType,
  Index,
  SchemaDefinitionSpec,
} from '../contract/kinds.ts';
import { columnType, isOrdered } from './column-type.ts';
import { postgresName } from './identifier.ts';
import { conditionDigest } from './index-condition.ts';
import { idsKeyName } from './partitioning.ts';
import type { CompiledPolicy } from './policy.ts';
import { compilePolicies } from './policy.ts';
import type { ValidationRule, WriteRule } from './validation-rule.ts';
import { validationRules, writeRules } from './validation-rule.ts';
import type { VersionStanding } from './version-standing.ts';

/** Where an active revision lives: everything `compileSchema` needs, as the database stores it. */
export interface RevisionRow {
  readonly organisation: string;
  readonly application: string;
  readonly domain: string;
  /** Resource namespace, `{org}-{app}-{domain}`. */
  readonly namespace: string;
  /** metadata.name: the object. */
  readonly name: string;
  readonly revision: number;
  readonly spec: SchemaDefinitionSpec;
  readonly pgNamespace: string;
  readonly pgTable: string;
  readonly pgRole: string;
  readonly access: Domain['spec']['access'];
  /** RFC 3339. */
  readonly activatedAt?: string;
  /** Absent: nothing but its spec says how the version stands. */
  readonly standing?: VersionStanding | null;
  /** Somebody froze it by hand, whatever its spec says. */
  readonly frozen?: boolean;
  /** Whether records of other schemas refer to these. */
  readonly referred?: boolean;
}

export interface CompiledField {
  readonly name: string;
  readonly type: FieldType;
  readonly spec: Field;
  /** One of the nine columns that every record has. */
  readonly system: boolean;
  readonly required: boolean;
  readonly filterable: boolean;
  readonly sortable: boolean;
  /** Roles that may read or write it; undefined: everyone who may read or write the record. */
  readonly readRoles: ReadonlySet<string> | undefined;
  readonly writeRoles: ReadonlySet<string> | undefined;
  /** The type of the column, which for a `ref` is its target key's. */
  readonly columnType: string;
}

/** An active revision, ready to serve: immutable, shared by all requests. */
export interface CompiledSchema extends RevisionRow {
  /** `{org}/{app}/{domain}/{object}/{version}`, the route below /api. */
  readonly path: string;
  /** spec.version, the API version. */
  readonly version: string;
  readonly historyTable: string;
  /** User fields, then system columns, by name. */
  readonly fields: ReadonlyMap<string, CompiledField>;
  readonly userFields: readonly CompiledField[];
  /** What every record has to meet. */
  readonly rules: readonly ValidationRule[];
  /** What a write has to meet beside: rules over who writes and what was there. */
  readonly writeRules: readonly WriteRule[];
  /** Layer 2. */
  readonly policies: readonly CompiledPolicy[];
  /** Fields behind each named constraint and unique index, for errors that must name them. */
  readonly constraints: ReadonlyMap<string, readonly string[]>;
  /** Names prepared statements: changes with every revision. */
  readonly statementPrefix: string;
}

const systemFields: readonly CompiledField[] = (
  [
    ['id', 'uuid', 'uuid', true],
    ['version', 'integer', 'bigint', true],
    ['created_at', 'datetime', 'timestamptz', true],
    ['created_by', 'string', 'text', false],
    ['updated_at', 'datetime', 'timestamptz', true],
    ['updated_by', 'string', 'text', false],
    ['deleted_at', 'datetime', 'timestamptz', false],
    ['archived_at', 'datetime', 'timestamptz', false],
    ['archive_ref', 'string', 'text', false],
  ] as const
).map(([name, type, column, usable]) => ({
  name,
  type,
  spec: { name, type },
  system: true,
  required: false,
  filterable: usable,
  sortable: usable,
  readRoles: undefined,
  writeRoles: undefined,
  columnType: column,
}));

/** `org/app/domain/object/version`: the route of a schema below /api, and its name in the audit. */
export function schemaPath(at: {
  readonly organisation: string;
  readonly application: string;
  readonly domain: string;
  readonly name: string;
  readonly version: string;
}): string {
  return `${at.organisation}/${at.application}/${at.domain}/${at.name}/${at.version}`;
}

export function referencePath(ref: FieldReference): string {
  return `${ref.org}/${ref.app}/${ref.domain}/${ref.object}/${ref.version}`;
}

/**
 * Compiles an active revision. `findSpec` knows the other active schemas by path; it gives
 * references their type and is asked for nothing else.
 */
export function compileSchema(
  row: RevisionRow,
  findSpec: (path: string) => SchemaDefinitionSpec | undefined,
): CompiledSchema {
  const userFields = row.spec.fields.map((spec) => compileField(spec, findSpec));
  const version = row.spec.version;
  const path = schemaPath({ ...row, version });
  const typeOf = ({ name }: Field): string =>
    userFields.find((field) => field.name === name)?.columnType ?? 'text';
  return {
    ...row,
    path,
    version,
    historyTable: historyTableName(row.name, version),
    userFields,
    fields: new Map([...userFields, ...systemFields].map((field) => [field.name, field])),
    rules: validationRules(row.spec, typeOf),
    writeRules: writeRules(row.spec, typeOf),
    policies: compilePolicies(path, row.spec, typeOf),
    constraints: namedConstraints(row.pgTable, row.spec),
    statementPrefix: `${path}@${row.revision}`,
  };
}

export function recordTableName(object: string, version: string): string {
  return postgresName(object, version);
}

export function historyTableName(object: string, version: string): string {
  return postgresName(object, version, 'history');
}

/** Changes of the record table, for those who follow it; there only while somebody does. */
export function outboxTableName(object: string, version: string): string {
  return postgresName(object, version, 'outbox');
}

function compileField(
  spec: Field,
  findSpec: (path: string) => SchemaDefinitionSpec | undefined,
): CompiledField {
  const type = columnType(
    spec,
    spec.type === 'ref' ? referenceKeyType(spec.ref, findSpec) : undefined,
  );
  return {
    name: spec.name,
    type: spec.type,
    spec,
    system: false,
    required: spec.required === true && spec.default === undefined,
    filterable: spec.filterable === true || spec.indexed === true || spec.unique === true,
    sortable: spec.sortable === true && isOrdered(type),
    readRoles: spec.access?.read === undefined ? undefined : new Set(spec.access.read),
    writeRoles: spec.access?.write === undefined ? undefined : new Set(spec.access.write),
    columnType: type,
  };
}

/** The column type of a reference: its target's key's. A key is never itself a reference. */
export function referenceKeyType(
  ref: FieldReference | undefined,
  findSpec: (path: string) => SchemaDefinitionSpec | undefined,
): string {
  const key = ref?.key ?? 'id';
  if (ref === undefined || key === 'id') return 'uuid';
  const field = findSpec(referencePath(ref))?.fields.find((candidate) => candidate.name === key);
  return field === undefined ? 'text' : columnType(field, undefined);
}

export function uniqueIndexName(table: string, fields: readonly string[]): string {
  return postgresName(table, ...fields, 'key');
}

/** An index that the schema declares; a partial one is named by its condition too. */
export function declaredIndexName(table: string, index: Index): string {
  const names = [...index.fields.map(({ name }) => name), ...conditionDigest(index)];
  return index.unique === true
    ? uniqueIndexName(table, names)
    : postgresName(table, ...names, 'idx');
}

export function checkName(table: string, field: string): string {
  return postgresName(table, field, 'check');
}

export function foreignKeyName(table: string, field: string): string {
  return postgresName(table, field, 'fkey');
}

/**
 * Fields behind a constraint or unique index that an error names. That of a partition is called
 * `{name in the table}~{oid}`, the name cut to 52 bytes (platform.name_partition_parts).
 */
export function fieldsBehind(
  { constraints }: Pick<CompiledSchema, 'constraints'>,
  name: string,
): readonly string[] {
  const known = constraints.get(name);
  const [ofTable = '', oid] = name.split('~');
  if (known !== undefined || oid === undefined) return known ?? [];
  const full = [...constraints.keys()].find((key) => key.slice(0, 52) === ofTable);
  return constraints.get(full ?? '') ?? [];
}

function namedConstraints(table: string, spec: SchemaDefinitionSpec): Map<string, string[]> {
  const names = new Map<string, string[]>([
    [postgresName(table, 'pkey'), ['id']],
    [idsKeyName(table), ['id']],
  ]);
  for (const { name } of spec.fields) {
    names.set(uniqueIndexName(table, [name]), [name]);
    names.set(checkName(table, name), [name]);
    names.set(foreignKeyName(table, name), [name]);
  }
  for (const index of spec.indexes ?? []) {
    const fields = index.fields.map((field) => field.name);
    names.set(declaredIndexName(table, index), fields);
  }
  return names;
}
