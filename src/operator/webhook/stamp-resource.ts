import { grantorOf } from '../../resources/admission/granted-by.ts';
import { stampsOf } from '../../resources/admission/stamps.ts';
import type { AdmissionRequest, AdmissionResponse, KubernetesObject } from './admission-review.ts';
import type { ReviewDeps } from './review-resource.ts';

type Operation =
  | { readonly op: 'add'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** Writes into a change who asks for it, who approves and, in a RoleBinding, who grants. */
export function stampResource(
  request: AdmissionRequest,
  { speaksForOthers }: Pick<ReviewDeps, 'speaksForOthers'>,
): AdmissionResponse {
  const { uid, object, oldObject, userInfo } = request;
  if (object === null) return { uid, allowed: true };
  const found = object.metadata?.annotations;
  const caller = userInfo.username ?? '';
  const before = oldObject ?? undefined;
  const speaks = speaksForOthers(caller);
  const operations: Operation[] = [];
  let after = object;
  if (object.kind === 'RoleBinding' && !speaks) {
    after = stampGrantor(object, grantorOf({ before, after: object, caller }), operations);
  }
  const stamps = stampsOf({ before, after, caller, speaksForOthers: speaks });
  const annotated = operations.length;
  for (const [annotation, value] of Object.entries(stamps)) {
    const path = `/metadata/annotations/${annotation.replaceAll('/', '~1')}`;
    if (value === found?.[annotation]) continue;
    if (value === undefined) operations.push({ op: 'remove', path });
    else operations.push({ op: 'add', path, value });
  }
  if (operations.length === 0) return { uid, allowed: true };
  if (found === undefined && operations.length > annotated) {
    operations.splice(annotated, 0, { op: 'add', path: '/metadata/annotations', value: {} });
  }
  const patch = Buffer.from(JSON.stringify(operations)).toString('base64');
  return { uid, allowed: true, patchType: 'JSONPatch', patch };
}

/** Before the stamps: a change of this member alone is none, and asks for no new generation. */
function stampGrantor(
  object: KubernetesObject,
  grantor: string | undefined,
  operations: Operation[],
): KubernetesObject {
  // What has no spec is refused by the API server after this.
  if (typeof object.spec !== 'object' || object.spec === null) return object;
  const { grantedBy, ...spec } = object.spec as Record<string, unknown>;
  if (grantedBy === grantor) return object;
  const path = '/spec/grantedBy';
  operations.push(
    grantor === undefined ? { op: 'remove', path } : { op: 'add', path, value: grantor },
  );
  return { ...object, spec: { ...spec, ...(grantor !== undefined && { grantedBy: grantor }) } };
}
