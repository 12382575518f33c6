import { keyEnvDefault } from '../../auth/api-key.ts';
import type { Problem } from '../../errors.ts';
import { validationError } from '../../errors.ts';
import { durationDays } from '../../schema/duration.ts';

export interface KeyRequest {
  readonly name: string;
  readonly namespace: string;
  /** The part of the key that tells a person where it belongs: vel_{env}_… */
  readonly env: string;
  /** What an ApiKey manifest would say; its rules are the manifest's. */
  readonly spec: Readonly<Record<string, unknown>>;
}

const specMembers = ['actor', 'actorType', 'scopes', 'ipAllowlist', 'expiry'] as const;
const members = ['name', 'namespace', 'env', ...specMembers];

/** Checks what an ApiKey manifest does not have; the rest is validated as that manifest is applied. */
export function parseKeyRequest(body: unknown): KeyRequest {
  const problems: Problem[] = [];
  const given = isObject(body) ? body : {};
  if (!isObject(body)) problems.push({ pointer: '', rule: 'type', message: 'is not an object' });
  for (const member of Object.keys(given)) {
    if (members.includes(member)) continue;
    const hint = members.join(', ');
    problems.push({ pointer: `/${member}`, rule: 'unknown', message: 'is unknown', hint });
  }
  const text = (member: string): string => {
    const value = given[member];
    if (typeof value === 'string') return value;
    problems.push({ pointer: `/${member}`, rule: 'required', message: 'is missing' });
    return '';
  };
  const name = text('name');
  const namespace = text('namespace');
  const env = parseEnv(given['env'], problems);
  if (problems.length > 0) throw validationError('The request for a key is not valid.', problems);
  const spec = Object.fromEntries(
    specMembers
      .filter((member) => given[member] !== undefined)
      .map((member) => [member, given[member]]),
  );
  return { name, namespace, env, spec };
}

function parseEnv(given: unknown, problems: Problem[]): string {
  const env = given ?? keyEnvDefault;
  if (typeof env === 'string' && /^[a-z0-9]{1,16}$/.test(env)) return env;
  const hint = '1 to 16 characters of a-z and 0-9';
  problems.push({ pointer: '/env', rule: 'pattern', message: 'is not an environment', hint });
  return '';
}

/** A day: every client is deployed anew or has read its Secret by then. */
const overlapDefault = '24h';
/** A text that counts for longer has not been rotated. */
const overlapDaysMax = 30;

/** `{overlap, env}`, both with a default; no body at all is well formed too. */
export function parseRotation(body: unknown): { env: string; overlapSeconds: number } {
  const problems: Problem[] = [];
  const given = body ?? {};
  if (!isObject(given)) {
    throw validationError('The request for a rotation is not valid.', [
      { pointer: '', rule: 'type', message: 'is not an object' },
    ]);
  }
  const { overlap = overlapDefault, env, ...others } = given;
  for (const member of Object.keys(others)) {
    const hint = 'overlap, env';
    problems.push({ pointer: `/${member}`, rule: 'unknown', message: 'is unknown', hint });
  }
  const days = typeof overlap === 'string' ? durationDays(overlap) : undefined;
  if (days === undefined || days > overlapDaysMax) {
    const hint = `A duration of at most ${overlapDaysMax}d: 24h, or 0s to end the text before at once`;
    problems.push({ pointer: '/overlap', rule: 'duration', message: 'is not an overlap', hint });
  }
  const parsedEnv = parseEnv(env, problems);
  if (problems.length > 0) {
    throw validationError('The request for a rotation is not valid.', problems);
  }
  return { env: parsedEnv, overlapSeconds: (days ?? 0) * secondsPerDay };
}

const secondsPerDay = 86_400;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
