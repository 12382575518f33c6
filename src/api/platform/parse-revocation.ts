import type { RevokedKind } from '../../auth/revocation.ts';
import { revokedKinds } from '../../auth/revocation.ts';
import type { Problem } from '../../errors.ts';
import { validationError } from '../../errors.ts';

export interface RevocationRequest {
  readonly kind: Exclude<RevokedKind, 'key'>;
  readonly id: string;
  readonly reason: string | undefined;
  /** Milliseconds since the epoch. */
  readonly endsAt: number | undefined;
  /** The caller's own, unless the platform's administrator says another. */
  readonly organisation: string | undefined;
}

const members = ['kind', 'id', 'reason', 'endsAt', 'organisation'];
const textLengthMax = 512;
const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i;

export function parseRevocation(body: unknown, nowMs: number): RevocationRequest {
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  const given = (isObject ? body : {}) as Readonly<Record<string, unknown>>;
  const problems: Problem[] = Object.keys(given)
    .filter((member) => !members.includes(member))
    .map((member) => ({
      ...{ pointer: `/${member}`, rule: 'unknown', message: 'is unknown' },
      hint: members.join(', '),
    }));
  const text = (member: string, isRequired: boolean): string | undefined => {
    const value = given[member];
    if (value === undefined && !isRequired) return undefined;
    if (typeof value === 'string' && value !== '' && value.length <= textLengthMax) return value;
    const message = `is not a text of 1 to ${textLengthMax} characters`;
    problems.push({ pointer: `/${member}`, rule: 'type', message });
    return undefined;
  };
  const { kind, endsAt } = given;
  if (kind === 'key') {
    const hint = 'DELETE /api/platform/api-keys/{namespace}/{name}';
    problems.push({
      pointer: '/kind',
      rule: 'enum',
      message: 'a key has a route of its own',
      hint,
    });
  } else if (!isRevokedKind(kind)) {
    const hint = revokedKinds.filter((one) => one !== 'key').join(', ');
    problems.push({ pointer: '/kind', rule: 'enum', message: 'cannot be revoked', hint });
  }
  const end = endsAt === undefined ? undefined : instantOf(endsAt);
  if (endsAt !== undefined && !(end !== undefined && end > nowMs)) {
    const hint = '2027-01-31T00:00:00Z, for example';
    problems.push({ pointer: '/endsAt', rule: 'format', message: 'is not a time to come', hint });
  }
  const id = text('id', true);
  const reason = text('reason', false);
  const organisation = text('organisation', false);
  if (problems.length > 0) throw validationError('The revocation is not well formed.', problems);
  return {
    kind: kind as RevocationRequest['kind'],
    id: id ?? '',
    reason,
    endsAt: end,
    organisation,
  };
}

export function isRevokedKind(kind: unknown): kind is RevokedKind {
  return (revokedKinds as readonly unknown[]).includes(kind);
}

function instantOf(value: unknown): number | undefined {
  if (typeof value !== 'string' || !rfc3339.test(value)) return undefined;
  const time = Date.parse(value);
  return Number.isNaN(time) ? undefined : time;
}
