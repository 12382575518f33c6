import type { Field, Resource, SchemaDefinition } from '../../contract/kinds.ts';
import type { Finding } from './finding.ts';
import { at, refuse, warn } from './finding.ts';

/**
 * What this release cannot keep its word about. A rule that protects data is refused instead of
 * ignored: a schema that asks for encryption must never keep the value in clear.
 */
export function* notInThisRelease({ spec }: SchemaDefinition): Iterable<Finding> {
  for (const [i, field] of spec.fields.entries()) yield* unsupportedOfField(field, i);
}

function* unsupportedOfField(field: Field, i: number): Iterable<Finding> {
  const subject = `Field "${field.name}"`;
  if (field.encrypted === true) {
    yield unsupported(at('spec', 'fields', i, 'encrypted'), subject, [
      'Values are not encrypted',
      'Remove encrypted, or keep the field out of the schema for now.',
    ]);
  }
}

function unsupported(pointer: string, subject: string, [what, hint]: [string, string]): Finding {
  return refuse(pointer, 'not-in-this-release', `${subject}: ${what} in this release.`, hint);
}

/** What is kept as declared and takes effect with a later release; nothing unsafe follows from it. */
export function* notActedUpon({ spec }: SchemaDefinition): Iterable<Finding> {
  const { lifecycle, audit } = spec;
  const declared: readonly (readonly [string, boolean])[] = [
    [`search.tier ${spec.search.tier}`, true],
    [
      'validations.maxExecutionMs',
      (spec.validations ?? []).some(({ maxExecutionMs }) => maxExecutionMs !== undefined),
    ],
    ['webhooks', (spec.webhooks ?? []).length > 0],
    ['archive.policyRef', spec.archive?.policyRef !== undefined],
    ['observability.slos', (spec.observability?.slos ?? []).length > 0],
    ['scaling', spec.scaling !== undefined],
    ['timeMachine.storage', Object.keys(spec.timeMachine?.storage ?? {}).length > 0],
    [
      'audit.reads',
      audit?.reads?.sensitiveFields === true || audit?.reads?.bulkThreshold !== undefined,
    ],
    ['lifecycle.maxQueryCost', lifecycle?.maxQueryCost !== undefined],
  ];
  for (const [what, isDeclared] of declared) {
    if (isDeclared) yield warn(`${what} is declared, but this release does not act upon it yet.`);
  }
}

/** Kinds that are kept, so that manifests can be complete, and that nothing reads yet. */
export function* storedOnly({ kind, metadata }: Resource): Iterable<Finding> {
  yield warn(`${kind} "${metadata.name}" is stored, but this release does not act upon it yet.`);
}
