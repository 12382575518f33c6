import { isDeepStrictEqual } from 'node:util';
import type { Resource } from '../../contract/kinds.ts';
import type { Problem } from '../../errors.ts';
import { admit } from '../../resources/admission/admit.ts';
import { grantorOf } from '../../resources/admission/granted-by.ts';
import { falseStamps } from '../../resources/admission/stamps.ts';
import type { AdmissionView } from '../../resources/admission/view.ts';
import { validateManifest } from '../../resources/manifest-validator.ts';
import type {
  AdmissionRequest,
  AdmissionResponse,
  KubernetesObject,
  RefusalCause,
} from './admission-review.ts';

export interface ReviewDeps {
  /** What is stored, with the candidate in its place. Throws when it cannot be known. */
  loadView(candidate: Resource): Promise<AdmissionView>;
  /** Whether a caller may name others in the stamps: the API does, which has proven who calls it. */
  speaksForOthers(username: string): boolean;
}

/** More than anybody reads at once; the rest shows when these are mended. */
const problemsShownMax = 50;

/**
 * Whether a change may be stored: the same rules as everywhere, and stamps that tell the truth. What
 * leaves the spec as it is, a label or a finalizer, is not held against rules that came later.
 */
export async function reviewResource(
  request: AdmissionRequest,
  deps: ReviewDeps,
): Promise<AdmissionResponse> {
  const { uid, object, oldObject } = request;
  if (object === null) return { uid, allowed: true };
  const problems = [...stampProblems(request, deps), ...grantorProblems(request, deps)];
  const warnings: string[] = [];
  if (oldObject === null || !isDeepStrictEqual(object.spec, oldObject.spec)) {
    const judged = await judge(object, deps);
    problems.push(...judged.problems);
    warnings.push(...judged.warnings);
  }
  if (problems.length > 0) return refusal(request, problems);
  return { uid, allowed: true, ...(warnings.length > 0 && { warnings }) };
}

async function judge(object: KubernetesObject, deps: ReviewDeps) {
  const { apiVersion, kind, spec, metadata } = object;
  const { name, namespace, labels = {} } = metadata ?? {};
  // Annotations are Kubernetes' to bound: kubectl keeps whole manifests in them.
  const read = validateManifest({ apiVersion, kind, metadata: { name, namespace, labels }, spec });
  if ('problems' in read) return { problems: read.problems, warnings: [] };
  return admit(read.resource, await deps.loadView(read.resource));
}

/** What another webhook, or none at all, has left in the stamps. */
function stampProblems(request: AdmissionRequest, deps: ReviewDeps): Problem[] {
  const { object, oldObject, userInfo } = request;
  const caller = userInfo.username ?? '';
  if (object === null) return [];
  const speaksForOthers = deps.speaksForOthers(caller);
  const change = { before: oldObject ?? undefined, after: object, caller, speaksForOthers };
  return falseStamps(change).map((annotation) => ({
    pointer: `/metadata/annotations/${annotation.replaceAll('/', '~1')}`,
    rule: 'stamp',
    message: `${annotation} does not name who sent this (${caller}).`,
    hint: 'Leave it out: it is filled in by the webhook stamp.velocity.sh.',
  }));
}

function grantorProblems(request: AdmissionRequest, deps: ReviewDeps): Problem[] {
  const { object, oldObject, userInfo } = request;
  const caller = userInfo.username ?? '';
  if (object?.kind !== 'RoleBinding' || deps.speaksForOthers(caller)) return [];
  const { grantedBy } = (object.spec ?? {}) as { readonly grantedBy?: unknown };
  if (grantedBy === grantorOf({ before: oldObject ?? undefined, after: object, caller })) return [];
  return [
    {
      pointer: '/spec/grantedBy',
      rule: 'stamp',
      message: `grantedBy does not name who granted it (${caller} sent this).`,
      hint: 'Leave it out: it is filled in by the webhook stamp.velocity.sh.',
    },
  ];
}

function refusal(request: AdmissionRequest, problems: readonly Problem[]): AdmissionResponse {
  const { uid, kind, name } = request;
  const shown = problems.slice(0, problemsShownMax);
  const causes = shown.map(({ pointer, rule, message, hint }): RefusalCause => {
    const text = hint === undefined ? message : `${message} ${hint}`;
    return { reason: rule, message: text, field: fieldPath(pointer) };
  });
  const more = problems.length - shown.length;
  const lines = causes.map(({ field, message }) => `* ${field}: ${message}`);
  if (more > 0) lines.push(`* and ${more} more`);
  const message = `${problems.length === 1 ? 'a rule is' : `${problems.length} rules are`} not kept:\n${lines.join('\n')}`;
  const details = { ...(name !== undefined && { name }), kind: kind.kind, causes };
  return { uid, allowed: false, status: { code: 422, reason: 'Invalid', message, details } };
}

/** `/spec/fields/3/min` → `spec.fields[3].min`, as kubectl's users write it. */
function fieldPath(pointer: string): string {
  const parts = pointer.split('/').slice(1);
  const path = parts
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join('');
  return path.replace(/^\./, '');
}
