import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import type { Kind, Resource } from '../contract/kinds.ts';
import { kinds } from '../contract/kinds.ts';
import type { Problem } from '../errors.ts';
import { kindSchemas } from './kind-schemas.ts';
import { manifestProblem } from './manifest-problem.ts';
import { nearestName } from './nearest-name.ts';

/** A resource with the defaults of its CRD filled in, or everything that is wrong with the manifest. */
export type ManifestResult =
  | { readonly resource: Resource }
  | { readonly problems: readonly Problem[] };

/** More problems than anybody reads; a hostile manifest shall not make a huge answer. */
const problemsMax = 200;

const kindNames: readonly string[] = kinds.map(({ kind }) => kind);

/** Compiled at the first manifest: an API that only serves records never pays their 20 MB. */
let validators: ReadonlyMap<string, ValidateFunction> | undefined;

/**
 * Checks a manifest against the CRD of its kind: structure, types, bounds, unknown fields. What
 * depends on several fields or on other resources is admission's. `input` is left as it was.
 */
export function validateManifest(input: unknown): ManifestResult {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    return { problems: [{ pointer: '', rule: 'type', message: 'a manifest must be an object' }] };
  }
  const kind = (input as { kind?: unknown }).kind;
  validators ??= compileValidators();
  const validate = typeof kind === 'string' ? validators.get(kind) : undefined;
  if (validate === undefined) return { problems: [unknownKind(kind)] };

  const manifest: unknown = structuredClone(input);
  if (validate(manifest)) return { resource: manifest as Resource };
  return { problems: readableProblems(validate.errors ?? []) };
}

function compileValidators(): Map<string, ValidateFunction> {
  const ajv = new Ajv({ allErrors: true, verbose: true, useDefaults: true, strict: true });
  addFormats.default(ajv, ['date-time']);
  ajv.addKeyword({
    keyword: 'uniqueKeys',
    type: 'array',
    schemaType: 'array',
    validate: hasUniqueKeys,
  });
  ajv.addSchema(kindSchemas, 'kinds');
  return new Map(
    kinds.map(({ kind }: { kind: Kind }) => [kind, ajv.compile({ $ref: `kinds#/$defs/${kind}` })]),
  );
}

/** The items of a list differ in the value of these keys together, as Kubernetes' list-type map. */
function hasUniqueKeys(keys: readonly string[], items: readonly unknown[]): boolean {
  const identities = items
    .filter((item) => typeof item === 'object' && item !== null)
    .map((item) => JSON.stringify(keys.map((key) => (item as Record<string, unknown>)[key])));
  return new Set(identities).size === identities.length;
}

function unknownKind(kind: unknown): Problem {
  if (kind === undefined) {
    return { pointer: '/kind', rule: 'required', message: 'kind is missing', hint: knownKinds() };
  }
  const near = typeof kind === 'string' ? nearestName(kind, kindNames) : undefined;
  return {
    pointer: '/kind',
    rule: 'unknown-kind',
    message: `${JSON.stringify(kind)} is not a kind of velocity.sh/v1`,
    hint: near === undefined ? knownKinds() : `did you mean ${near}?`,
  };
}

function knownKinds(): string {
  return `one of: ${kindNames.join(', ')}`;
}

/** In document order as far as Ajv walks it; alternatives of an anyOf are summed up by the anyOf. */
function readableProblems(errors: readonly ErrorObject[]): Problem[] {
  return errors
    .filter((error) => !/\/anyOf\/\d+\//.test(error.schemaPath))
    .slice(0, problemsMax)
    .map(manifestProblem);
}
