import type { Field, SchemaDefinitionSpec } from '../contract/kinds.ts';
import type { Backfill } from './backfill.ts';
import { canonical, exactText } from './canonical.ts';
import type { Conversion } from './conversion.ts';
import { planConversion } from './conversion.ts';
import { fillBack } from './diff-backfill.ts';
import { indexChanges } from './diff-indexes.ts';
import { partitioningChanges } from './diff-partitioning.ts';
import { ruleChanges } from './diff-rules.ts';
import { limitChanges, patternChange, show } from './limit-changes.ts';

/**
 * safe: the catalogue alone changes. online: the table is read or filled while it serves. breaking:
 * data or a promise to clients is lost, so somebody approves it first.
 */
export type ChangeClass = 'safe' | 'online' | 'breaking';

export type ChangeKind =
  | 'addField'
  | 'dropField'
  | 'renameField'
  | 'changeType'
  | 'loosenCheck'
  | 'tightenCheck'
  | 'requireField'
  | 'relaxField'
  | 'changeDefault'
  | 'addIndex'
  | 'dropIndex'
  | 'addUnique'
  | 'dropUnique'
  | 'addReference'
  | 'dropReference'
  | 'changeReference'
  | 'changeOnDelete'
  | 'changeRowFilters'
  | 'changeAudit'
  | 'changeRules'
  | 'addRule'
  | 'dropRule'
  | 'changePartitioning'
  | 'changeInterval';

/** One thing that the desired schema has otherwise. */
export interface SchemaChange {
  readonly kind: ChangeKind;
  readonly class: ChangeClass;
  /** The field it is about, by its new name; undefined: the schema. */
  readonly field?: string;
  /** What changes, for a person. */
  readonly summary: string;
  /** Why this cannot be done to a table that serves, and what leads there nevertheless. */
  readonly refused?: string;
}

/** A desired field beside what it was. */
export interface FieldChange {
  readonly field: Field;
  /** Undefined: the field is new. */
  readonly prior: Field | undefined;
  readonly type: string;
  readonly priorType: string | undefined;
  /** Set when the values move to a column of their own: of another type, or beside a backfill. */
  readonly conversion: Conversion | undefined;
  /** Set when existing records get a value from it. */
  readonly backfill?: Backfill;
  /** Why its backfill cannot be used. */
  readonly unusable?: string;
}

export interface SchemaDiff {
  readonly changes: readonly SchemaChange[];
  readonly fields: readonly FieldChange[];
  readonly dropped: readonly Field[];
}

export interface DiffInput {
  readonly active: SchemaDefinitionSpec;
  readonly desired: SchemaDefinitionSpec;
  /** Column types, which of a reference is its target's. */
  readonly activeType: (field: Field) => string;
  readonly desiredType: (field: Field) => string;
  /** Whether the table holds no row at all. */
  readonly empty: boolean;
  /** Columns that records of other schemas refer to, with the tables that do. */
  readonly referred: ReadonlyMap<string, readonly string[]>;
  /** Tables whose records refer to these by any column, its own among them. */
  readonly referrers: readonly string[];
}

/** Everything by which `desired` differs from `active`, in the order of the fields. */
export function diffSchemas(input: DiffInput): SchemaDiff {
  const { active, desired } = input;
  const fields = fillBack(
    desired.fields.map((field) => pairUp(field, input)),
    input,
  );
  const kept = new Set(fields.map(({ prior }) => prior?.name));
  const dropped = active.fields.filter(({ name }) => !kept.has(name));
  const others = [
    ...fields.flatMap((change) => [...fieldChanges(change, input)]),
    ...dropped.map((field) => dropChange(field, input)),
    ...indexChanges(input, fields),
    ...ruleChanges(input, fields),
    ...schemaChanges(active, desired),
  ];
  const partitioning = partitioningChanges({ ...input, fields, others });
  return { fields, dropped, changes: [...others, ...partitioning] };
}

/**
 * A rename counts once: where the new name is there already, `renamedFrom` only remembers; where it
 * cannot, because the old name is there too, the change is refused (see `overwrites`). A field whose
 * name somebody still has is not renamed, and one field does not become two.
 */
export function priorOf(
  field: Field,
  specs: Pick<DiffInput, 'active' | 'desired'>,
): Field | undefined {
  const byName = (name: string | undefined): Field | undefined =>
    specs.active.fields.find((candidate) => candidate.name === name);
  return byName(field.name) ?? (claimsTaken(field, specs) ? undefined : byName(field.renamedFrom));
}

/**
 * The field that would be renamed onto one that is there: that one's values would be lost, or both
 * change places. A plan for it could not be told from one that is done, because afterwards too both
 * names may be there. Not so where the active field remembers the same: then its rename is done, and
 * the old name has been given anew.
 */
export function overwrites(
  { name, renamedFrom }: Field,
  { fields }: Pick<SchemaDefinitionSpec, 'fields'>,
): Field | undefined {
  const active = fields.find((field) => field.name === name);
  if (active === undefined || active.renamedFrom === renamedFrom || name === renamedFrom) {
    return undefined;
  }
  return fields.find((field) => field.name === renamedFrom);
}

function* overwriteChange(
  { name }: Field,
  { desired }: DiffInput,
  from: Field | undefined,
): Iterable<SchemaChange> {
  if (from === undefined) return;
  const old = from.name;
  const keeps = desired.fields.some((field) => field.name === old);
  const taken = desired.fields.some((field) => field.name !== name && field.renamedFrom === name);
  const clear = taken
    ? `Rename ${name} to another name first, a third one if both change places, then ${old} to ${name}, each in a change of its own`
    : `Drop ${name} or rename it first, then rename ${old} to ${name} in a change of its own`;
  const leave = `leave out renamedFrom to keep ${name} as it is${keeps ? '' : ` and drop ${old}`}`;
  const refused = `${name} is a field already, with values of its own. ${clear}; or ${leave}`;
  const summary = `rename ${old} to ${name}`;
  yield { kind: 'renameField', class: 'breaking', field: name, summary, refused };
}

function pairUp(field: Field, input: DiffInput): FieldChange {
  const { activeType, desiredType } = input;
  const prior = priorOf(field, input);
  const type = desiredType(field);
  if (prior === undefined) {
    return { field, prior, type, priorType: undefined, conversion: undefined };
  }
  const priorType = activeType(prior);
  const conversion = priorType === type ? undefined : planConversion(priorType, type, prior);
  return { field, prior, type, priorType, conversion };
}

function claimsTaken(
  { name, renamedFrom }: Field,
  { desired }: Pick<DiffInput, 'desired'>,
): boolean {
  const claimant = desired.fields.find(
    (other) => other.name === renamedFrom || other.renamedFrom === renamedFrom,
  );
  return renamedFrom !== undefined && claimant?.name !== name;
}

function* fieldChanges(change: FieldChange, input: DiffInput): Iterable<SchemaChange> {
  const { field, prior, type, priorType, conversion } = change;
  const about = { field: field.name };
  if (change.unusable !== undefined) {
    const summary = `fill in ${field.name}`;
    yield { kind: 'changeRules', class: 'breaking', summary, refused: change.unusable, ...about };
  }
  if (prior === undefined) {
    yield addChange(field, input);
    return;
  }
  yield* overwriteChange(field, input, overwrites(field, input.active));
  const referrers = input.referred.get(prior.name) ?? [];
  const own = priorType !== type || conversion !== undefined;
  const moved = prior.name !== field.name || own || lost(prior, field, 'unique');
  const held =
    moved && referrers.length > 0
      ? `records of ${referrers.join(', ')} refer to it. ${expandAndContract(field)}`
      : undefined;
  const refusal = held === undefined ? {} : { refused: held };
  if (prior.name !== field.name) {
    const summary = `rename ${prior.name} to ${field.name}; clients that use the old name are refused from then on`;
    yield { kind: 'renameField', class: 'breaking', summary, ...about, ...refusal };
  }
  if (priorType !== type) {
    const summary = `change ${field.name} from ${describeType(prior)} to ${describeType(field)}`;
    const none =
      conversion === undefined
        ? { refused: `no value of the one is a value of the other. ${expandAndContract(field)}` }
        : {};
    const safeEnough = conversion?.exact === true ? 'online' : 'breaking';
    yield { kind: 'changeType', class: safeEnough, summary, ...about, ...none, ...refusal };
  }
  yield* checkChanges(change, conversion === undefined ? {} : refusal);
  yield* requiredChanges(field, prior);
  if (exactText(prior.default) !== exactText(field.default)) {
    const summary = `change the default of ${field.name} from ${show(prior.default)} to ${show(field.default)}`;
    yield { kind: 'changeDefault', class: 'safe', summary, ...about };
  }
  if (lost(prior, field, 'unique')) {
    const summary = `let records share a value of ${field.name}`;
    yield { kind: 'dropUnique', class: 'safe', summary, ...about, ...refusal };
  }
  if (lost(field, prior, 'unique')) {
    const summary = `keep the values of ${field.name} unique`;
    yield { kind: 'addUnique', class: 'breaking', summary, ...about };
  }
  yield* referenceChanges(field, prior);
  if (!same(rulesOf(prior), rulesOf(field))) {
    const summary = `change how the API treats ${field.name}`;
    yield { kind: 'changeRules', class: 'safe', summary, ...about };
  }
}

function addChange(field: Field, input: DiffInput): SchemaChange {
  const { empty, active } = input;
  const summary = `add ${field.name} (${describeType(field)}${field.required === true ? ', required' : ''})`;
  const about = { kind: 'addField', class: 'safe', field: field.name, summary } as const;
  const hasDefault = field.default !== undefined && field.default !== null;
  const known = active.fields.some(({ name }) => name === field.renamedFrom);
  if (known && claimsTaken(field, input)) {
    const refused = `${field.renamedFrom} is the name or the origin of another field too. Rename one after the other, each in a change of its own`;
    return { ...about, class: 'breaking', refused };
  }
  if (empty) return about;
  if (field.backfill !== undefined) {
    // Clients that know nothing of the field are refused from then on.
    const asks = field.required === true && !hasDefault;
    return { ...about, class: asks ? 'breaking' : 'online' };
  }
  if (field.required === true && !hasDefault) {
    const refused = `the records that exist would have no value. Give it a default or a backfill; or add it without required, fill it in through the API, and require it in a later change`;
    return { ...about, class: 'breaking', refused };
  }
  if (field.unique === true && hasDefault) {
    const refused = `the records that exist would all have its default. Add it without a default, fill it in through the API, and go on from there`;
    return { ...about, class: 'breaking', refused };
  }
  return about;
}

function dropChange(field: Field, { referred }: DiffInput): SchemaChange {
  const referrers = referred.get(field.name) ?? [];
  const summary = `drop ${field.name} and its values; history keeps them`;
  const about = { kind: 'dropField', class: 'breaking', field: field.name, summary } as const;
  if (referrers.length === 0) return about;
  return { ...about, refused: `records of ${referrers.join(', ')} refer to it. Drop those first` };
}

function* checkChanges(
  { field, prior, backfill }: FieldChange,
  refusal: Pick<SchemaChange, 'refused'>,
): Iterable<SchemaChange> {
  if (prior === undefined) return;
  const [limits, pattern] = [limitChanges(field, prior), patternChange(field, prior)];
  const tighter = [...limits.tighter, ...pattern.tighter];
  const looser = [...limits.looser, ...pattern.looser];
  const about = { field: field.name };
  const filled = backfill === undefined ? '' : '; values outside get what its backfill says';
  if (tighter.length > 0) {
    const summary = `narrow ${field.name}: ${[...tighter, ...looser].join('; ')}${filled}`;
    yield { kind: 'tightenCheck', class: 'breaking', summary, ...about, ...refusal };
  } else if (looser.length > 0) {
    const summary = `widen ${field.name}: ${looser.join('; ')}`;
    yield { kind: 'loosenCheck', class: 'online', summary, ...about };
  }
}

function* requiredChanges(field: Field, prior: Field): Iterable<SchemaChange> {
  const about = { field: field.name };
  if (lost(prior, field, 'required')) {
    yield {
      kind: 'relaxField',
      class: 'safe',
      summary: `let ${field.name} be left out`,
      ...about,
    };
  }
  if (lost(field, prior, 'required')) {
    const filled =
      field.backfill !== undefined
        ? '; records without one get what its backfill says'
        : field.default === undefined
          ? ''
          : '; records without one get the default';
    const summary = `require a value of ${field.name}${filled}`;
    yield { kind: 'requireField', class: 'breaking', summary, ...about };
  }
}

function* referenceChanges(field: Field, prior: Field): Iterable<SchemaChange> {
  const about = { field: field.name };
  const [before, after] = [targetOf(prior), targetOf(field)];
  if (before === undefined && after !== undefined) {
    const summary = `let ${field.name} refer to ${after}`;
    yield { kind: 'addReference', class: 'breaking', summary, ...about };
  } else if (before !== undefined && after === undefined) {
    const summary = `let ${field.name} hold a value that leads nowhere`;
    yield { kind: 'dropReference', class: 'safe', summary, ...about };
  } else if (before !== after) {
    const summary = `let ${field.name} refer to ${after} and no longer to ${before}`;
    yield { kind: 'changeReference', class: 'breaking', summary, ...about };
  } else if ((prior.ref?.onDelete ?? 'restrict') !== (field.ref?.onDelete ?? 'restrict')) {
    const summary = `on a delete of what ${field.name} refers to: ${field.ref?.onDelete ?? 'restrict'}`;
    yield { kind: 'changeOnDelete', class: 'safe', summary, ...about };
  }
}

function* schemaChanges(
  active: SchemaDefinitionSpec,
  desired: SchemaDefinitionSpec,
): Iterable<SchemaChange> {
  if (!same(active.access.rowFilter, desired.access.rowFilter)) {
    yield { kind: 'changeRowFilters', class: 'safe', summary: 'change which rows roles see' };
  }
  const audited = (spec: SchemaDefinitionSpec): boolean => spec.audit?.enabled !== false;
  if (audited(active) !== audited(desired)) {
    const summary = `${audited(desired) ? 'begin' : 'end'} the audit of writes`;
    yield { kind: 'changeAudit', class: 'safe', summary };
  }
  const rules = ({ fields: _, indexes: __, version: ___, ...rest }: SchemaDefinitionSpec) => ({
    ...rest,
    validations: undefined,
    access: { ...rest.access, rowFilter: undefined },
    audit: { ...rest.audit, enabled: undefined },
    partitioning: { retention: rest.partitioning?.retention },
  });
  if (!same(rules(active), rules(desired))) {
    yield { kind: 'changeRules', class: 'safe', summary: 'change how the API serves the schema' };
  }
}

/** The way that needs no lock: two fields for a while, and two deployments of clients. */
function expandAndContract({ name }: Field): string {
  return `Add another field beside it, ${name}_new say; write both and fill it in through the API; move readers to it; then drop ${name}`;
}

/** What the database keeps of a field is compared one by one above; this is the rest. */
function rulesOf(field: Field): Partial<Field> {
  const { name: _name, type: _type, required: _required, unique: _unique, ...rest } = field;
  const { indexed: _1, default: _2, min: _3, max: _4, maxLength: _5, ...more } = rest;
  const { precision: _6, scale: _7, enumValues: _8, ref: _9, renamedFrom: _10, ...last } = more;
  const { backfill: _11, pattern: _12, ...rules } = last;
  return rules;
}

function lost(before: Field, after: Field, property: 'unique' | 'required'): boolean {
  return before[property] === true && after[property] !== true;
}

function targetOf({ ref }: Field): string | undefined {
  return (
    ref && `${ref.org}/${ref.app}/${ref.domain}/${ref.object}/${ref.version}.${ref.key ?? 'id'}`
  );
}

function describeType(field: Field): string {
  if (field.type !== 'decimal' || field.precision === undefined) return field.type;
  return `decimal(${field.precision},${field.scale ?? 0})`;
}

/** Absent, null and false mean the same in everything compared here; so does the order of members. */
function same(before: unknown, after: unknown): boolean {
  return canonical(before) === canonical(after);
}
