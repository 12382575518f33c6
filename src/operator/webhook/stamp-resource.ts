import { stampsOf } from '../../resources/admission/stamps.ts';
import type { AdmissionRequest, AdmissionResponse } from './admission-review.ts';
import type { ReviewDeps } from './review-resource.ts';

type Operation =
  | { readonly op: 'add'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** Writes into a change who asks for it and who approves. */
export function stampResource(
  request: AdmissionRequest,
  { speaksForOthers }: Pick<ReviewDeps, 'speaksForOthers'>,
): AdmissionResponse {
  const { uid, object, oldObject, userInfo } = request;
  if (object === null) return { uid, allowed: true };
  const found = object.metadata?.annotations;
  const caller = userInfo.username ?? '';
  const stamps = stampsOf({
    before: oldObject ?? undefined,
    after: object,
    caller,
    speaksForOthers: speaksForOthers(caller),
  });
  const operations: Operation[] = [];
  for (const [annotation, value] of Object.entries(stamps)) {
    const path = `/metadata/annotations/${annotation.replaceAll('/', '~1')}`;
    if (value === found?.[annotation]) continue;
    if (value === undefined) operations.push({ op: 'remove', path });
    else operations.push({ op: 'add', path, value });
  }
  if (operations.length === 0) return { uid, allowed: true };
  if (found === undefined) {
    operations.unshift({ op: 'add', path: '/metadata/annotations', value: {} });
  }
  const patch = Buffer.from(JSON.stringify(operations)).toString('base64');
  return { uid, allowed: true, patchType: 'JSONPatch', patch };
}
