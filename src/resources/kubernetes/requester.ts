/**
 * Who asked for the spec as it is now, as the annotation `velocity.sh/requested-by` says it. A stamp
 * is worth what guards it: the webhook refuses one that its user did not make.
 */
export function requesterStamp(actor: string, generation: number): string {
  return `${actor}@${generation}`;
}

/** Undefined for no stamp and for one of another generation: then nobody knows. */
export function readRequester(stamp: string | undefined, generation: number): string | undefined {
  const end = stamp?.lastIndexOf('@') ?? -1;
  if (stamp === undefined || end < 1) return undefined;
  return stamp.slice(end + 1) === String(generation) ? stamp.slice(0, end) : undefined;
}
