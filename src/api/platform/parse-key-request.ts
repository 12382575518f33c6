import { keyEnvDefault } from '../../auth/api-key.ts';
import type { Problem } from '../../errors.ts';
import { validationError } from '../../errors.ts';

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
  const env = given['env'] ?? keyEnvDefault;
  if (typeof env !== 'string' || !/^[a-z0-9]{1,16}$/.test(env)) {
    const hint = '1 to 16 characters of a-z and 0-9';
    problems.push({ pointer: '/env', rule: 'pattern', message: 'is not an environment', hint });
  }
  if (problems.length > 0) throw validationError('The request for a key is not valid.', problems);
  const spec = Object.fromEntries(
    specMembers
      .filter((member) => given[member] !== undefined)
      .map((member) => [member, given[member]]),
  );
  return { name, namespace, env: env as string, spec };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
