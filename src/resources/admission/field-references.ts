import type { Field, FieldReference, FieldType, SchemaDefinition } from '../../contract/kinds.ts';
import type { Finding } from './finding.ts';
import { at, quoted, refuse, warn } from './finding.ts';
import { organisationOf } from './tenancy.ts';
import type { AdmissionView } from './view.ts';

/** Types that a reference can hold: those whose values one column compares. */
const keyTypes: readonly FieldType[] = [
  'string',
  'integer',
  'decimal',
  'number',
  'date',
  'datetime',
  'uuid',
  'enum',
];

/** References lead to a unique key of a known schema in the same organisation. */
export function* fieldReferences(schema: SchemaDefinition, view: AdmissionView): Iterable<Finding> {
  for (const [i, field] of schema.spec.fields.entries()) {
    if (field.type !== 'ref' || field.ref === undefined) continue;
    const pointer = at('spec', 'fields', i, 'ref');
    yield* onDelete(field, field.ref, pointer);
    if (crossesOrganisation(schema, field.ref, view)) {
      const own = organisationOf(schema.metadata.namespace, view);
      const message = `"${field.name}" refers to organisation "${field.ref.org}".`;
      const hint =
        own === undefined
          ? 'A reference stays inside its own organisation.'
          : `A reference stays inside its own organisation: org: ${own}.`;
      yield refuse(`${pointer}/org`, 'cross-organisation', message, hint);
      continue;
    }
    yield* target(schema, field, field.ref, pointer, view);
  }
}

function crossesOrganisation(
  { metadata }: SchemaDefinition,
  ref: FieldReference,
  view: AdmissionView,
): boolean {
  const own = organisationOf(metadata.namespace, view);
  if (own !== undefined) return own !== ref.org;
  return !metadata.namespace.startsWith(`${ref.org}-`);
}

function* target(
  schema: SchemaDefinition,
  field: Field,
  ref: FieldReference,
  pointer: string,
  view: AdmissionView,
): Iterable<Finding> {
  const namespace = `${ref.org}-${ref.app}-${ref.domain}`;
  const found = view.find('SchemaDefinition', namespace, ref.object);
  if (found === undefined || !isDomain(namespace, ref, view)) {
    const there = view.list('SchemaDefinition', namespace).map(({ metadata }) => metadata.name);
    const message = `"${field.name}" refers to schema "${ref.object}" in namespace "${namespace}", which does not exist.`;
    const hint =
      there.length > 0
        ? `That namespace has ${quoted(there)}.`
        : 'Apply the target first, or both together.';
    yield view.arrivesAlone
      ? warn(`${message} The schema waits for it.`)
      : refuse(`${pointer}/object`, 'ref-target', message, hint);
    return;
  }
  const versions = new Set([found.spec.version, ...view.versionsOf(namespace, ref.object)]);
  if (!versions.has(ref.version)) {
    const message = `"${field.name}" refers to "${ref.object}" ${ref.version}, which does not exist.`;
    yield view.arrivesAlone
      ? warn(`${message} The schema waits for it.`)
      : refuse(`${pointer}/version`, 'ref-target', message, `It has ${quoted(versions)}.`);
    return;
  }
  if (found.spec.version === ref.version && found.spec.partitioning?.enabled === true) {
    const message = `"${field.name}" refers to "${ref.object}", which is partitioned and so has no key to refer to.`;
    const hint = 'Hold the id in a field of type uuid: no delete will look at it.';
    yield refuse(`${pointer}/object`, 'ref-target', message, hint);
    return;
  }
  // The fields of an older version are not in the view; its key was checked when it was new.
  if (found.spec.version === ref.version) yield* key(schema, field, ref, pointer, found);
}

/** Without the domain itself there is nothing to compare; the schema then waits for its parent. */
function isDomain(namespace: string, ref: FieldReference, view: AdmissionView): boolean {
  const [domain] = view.list('Domain', namespace);
  if (domain === undefined) return true;
  return domain.metadata.name === ref.domain && domain.spec.app === ref.app;
}

function* key(
  schema: SchemaDefinition,
  field: Field,
  ref: FieldReference,
  pointer: string,
  found: SchemaDefinition,
): Iterable<Finding> {
  const name = ref.key ?? 'id';
  if (name === 'id') return;
  const at = ref.key === undefined ? pointer : `${pointer}/key`;
  const keyField = found.spec.fields.find((candidate) => candidate.name === name);
  const usable = found.spec.fields.filter(
    (candidate) => candidate.unique === true && keyTypes.includes(candidate.type),
  );
  const hint = `Use one of ${quoted(['id', ...usable.map((candidate) => candidate.name)])}.`;
  if (keyField === undefined) {
    const message = `"${field.name}" refers to "${name}" of "${ref.object}", which has no such field.`;
    yield refuse(at, 'ref-key', message, hint);
  } else if (keyField.unique !== true || !keyTypes.includes(keyField.type)) {
    const why = keyField.unique !== true ? 'is not unique' : `is of type ${keyField.type}`;
    const message = `"${field.name}" refers to "${name}" of "${ref.object}", which ${why}.`;
    yield refuse(at, 'ref-key', message, hint);
  } else if (found.metadata.name === schema.metadata.name && keyField.name === field.name) {
    yield refuse(at, 'ref-key', `"${field.name}" refers to itself.`, hint);
  }
}

function* onDelete(field: Field, ref: FieldReference, pointer: string): Iterable<Finding> {
  if (ref.onDelete !== 'setNull') return;
  const hint = 'Use restrict or cascade.';
  if (field.required === true) {
    const message = `"${field.name}" is required, so a deleted target cannot set it to null.`;
    yield refuse(`${pointer}/onDelete`, 'ref-on-delete', message, hint);
  }
  if (field.immutable === true) {
    const message = `"${field.name}" is immutable, so a deleted target cannot set it to null.`;
    yield refuse(`${pointer}/onDelete`, 'ref-on-delete', message, hint);
  }
}
