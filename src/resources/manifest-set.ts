import type { Resource } from '../contract/kinds.ts';
import type { Problem } from '../errors.ts';
import { VelocityError, validationError } from '../errors.ts';
import type { Admission } from './admission/admit.ts';
import { admit } from './admission/admit.ts';
import type { AdmissionView } from './admission/view.ts';
import { validateManifest } from './manifest-validator.ts';
import type { ManifestSetProblem } from './store.ts';

/** A set is one transaction and one answer; 1,000 schemas take some seconds. */
const manifestsMax = 5_000;

/** The resources of a set, defaults filled in. Throws VALIDATION_ERROR with every structural problem. */
export function validateManifestSet(manifests: readonly unknown[]): Resource[] {
  if (manifests.length > manifestsMax) {
    const message = `A set holds at most ${manifestsMax} manifests, not ${manifests.length}.`;
    throw new VelocityError('BAD_REQUEST', message, { hint: 'Apply it in several parts.' });
  }
  const problems: ManifestSetProblem[] = [];
  const resources: Resource[] = [];
  const seen = new Map<string, number>();
  for (const [manifest, input] of manifests.entries()) {
    const result = validateManifest(input);
    if ('problems' in result) {
      problems.push(...ofManifest(manifest, describeInput(input), result.problems));
      continue;
    }
    const { resource } = result;
    const first = seen.get(keyText(resource));
    if (first !== undefined) {
      const message = `${describeResource(resource)} is there twice in this set.`;
      const hint = 'Keep one of the two.';
      const twice = { pointer: '/metadata/name', rule: 'duplicate-resource', message, hint };
      problems.push(...ofManifest(manifest, describeResource(resource), [twice]));
    }
    seen.set(keyText(resource), manifest);
    resources.push(resource);
  }
  refuseProblems(manifests.length, problems);
  return resources;
}

/** The warnings of each candidate. Throws VALIDATION_ERROR with every rule that any of them breaks. */
export function admitManifestSet(
  candidates: readonly Resource[],
  view: AdmissionView,
): Admission['warnings'][] {
  const admissions = candidates.map((candidate) => admit(candidate, view));
  const problems = candidates.flatMap((candidate, i) =>
    ofManifest(i, describeResource(candidate), admissions[i]!.problems),
  );
  refuseProblems(candidates.length, problems);
  return admissions.map(({ warnings }) => warnings);
}

function ofManifest(
  manifest: number,
  resource: string,
  problems: readonly Problem[],
): ManifestSetProblem[] {
  return problems.map((problem) => ({ ...problem, manifest, resource }));
}

/** Throws VALIDATION_ERROR when there is any problem in a set of so many manifests. */
export function refuseProblems(count: number, problems: readonly ManifestSetProblem[]): void {
  const [first] = problems;
  if (first === undefined) return;
  const refused = new Set(problems.map(({ manifest }) => manifest)).size;
  const message =
    count === 1
      ? `${first.resource} is not valid.`
      : `${refused} of ${count} manifests are not valid.`;
  throw validationError(message, problems);
}

export function keyText({ kind, metadata }: Resource): string {
  return `${kind}/${metadata.namespace}/${metadata.name}`;
}

export function describeResource({ kind, metadata }: Resource): string {
  return `${kind} "${metadata.name}" in namespace "${metadata.namespace}"`;
}

/** Names what can be named of a manifest that is not valid. */
function describeInput(input: unknown): string {
  const { kind, metadata } = (input ?? {}) as { kind?: unknown; metadata?: { name?: unknown } };
  const what = typeof kind === 'string' ? kind : 'The manifest';
  return typeof metadata?.name === 'string' ? `${what} "${metadata.name}"` : what;
}
