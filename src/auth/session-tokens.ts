import { hash } from 'node:crypto';
import type { Sealed, SealingKey } from '../resources/secrets/seal.ts';
import { open, seal } from '../resources/secrets/seal.ts';
import type { SessionDeps } from './session-deps.ts';

/** 256 bits: nobody guesses one, so it needs no slow hash. */
const idBytes = 32;

/** A session's id, which only the browser keeps. */
export function newSessionId({ randomBytes }: Pick<SessionDeps, 'randomBytes'>): string {
  return randomBytes(idBytes).toString('base64url');
}

/** What is kept of it: whoever reads the database cannot be anybody. */
export function hashSessionId(id: string): Buffer {
  return hash('sha256', id, 'buffer');
}

/** The session is authenticated with the token: one that was moved to another does not open. */
export function sealToken(
  token: string,
  { handle }: { readonly handle: string },
  { keys, randomBytes }: Pick<SessionDeps, 'keys' | 'randomBytes'>,
): Sealed {
  return seal(token, placeOf(handle), { key: keys[0], randomBytes });
}

export function openToken(
  sealed: Sealed,
  { handle }: { readonly handle: string },
  keys: readonly SealingKey[],
): string {
  return open(sealed, placeOf(handle), keys);
}

function placeOf(handle: string) {
  return { namespace: 'platform', name: 'session', key: `refresh-token ${handle}` } as const;
}
