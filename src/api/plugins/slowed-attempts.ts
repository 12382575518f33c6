import { textIdOf } from '../../auth/authenticate-key.ts';
import type { Credentials } from '../../auth/credentials.ts';
import { hasCredentials } from '../../auth/credentials.ts';
import type { FailedAttempts } from '../../auth/failed-attempts.ts';
import type { Identity } from '../../contract/identity.ts';
import { VelocityError } from '../../errors.ts';

export interface SlowedAttempts {
  /** Throws RATE_LIMITED where an address has failed too often for anything new to be examined. */
  requirePatience(credentials: Credentials): void;
  /** Credentials that were good: whoever fails at their address must not lock them out. */
  remember(identity: Identity, credentials: Credentials): void;
  /** Hands the refusal on, later the more of them there were. */
  refuse(credentials: Credentials, refusal: unknown, done: (error: Error) => void): void;
}

/** Answers held back at a time, over all addresses: each keeps its request and its socket. */
const heldMax = 1_000;

/** Keys and tokens in use that are remembered: 100 bytes each. Beyond it they are remembered anew. */
const goodMax = 100_000;

/** Without a count of failures nobody is slowed. */
export function slowAttempts(attempts: FailedAttempts | undefined): SlowedAttempts {
  const good = new Set<string>();
  const hashed = new WeakSet<Identity>();
  let held = 0;
  function add(textId: string): void {
    if (good.size >= goodMax) good.clear();
    good.add(textId);
  }
  return {
    requirePatience(credentials) {
      const waitMs = attempts?.waitMs(credentials.remoteAddress) ?? 0;
      if (waitMs === 0 || !hasCredentials(credentials)) return;
      const textId = textIdOf(credentials);
      if (textId === undefined || !good.has(textId)) throw tooMany(waitMs);
    },
    remember(identity, credentials) {
      if (attempts === undefined) return;
      const { kind, id } = identity.credential;
      if (kind === 'apikey') return add(id);
      // The identity of a token is one object for as long as it lives: its text is hashed once.
      if (kind !== 'jwt' || hashed.has(identity)) return;
      hashed.add(identity);
      const textId = textIdOf(credentials);
      if (textId !== undefined) add(textId);
    },
    refuse(credentials, refusal, done) {
      const counts =
        attempts !== undefined &&
        hasCredentials(credentials) &&
        refusal instanceof VelocityError &&
        refusal.code === 'AUTH_INVALID_TOKEN';
      const heldMs = counts ? attempts.failed(credentials.remoteAddress) : 0;
      if (heldMs === 0) return done(refusal as Error);
      if (held >= heldMax) return done(tooMany(heldMs));
      held += 1;
      setTimeout(() => {
        held -= 1;
        done(refusal as Error);
      }, heldMs);
    },
  };
}

/** Says nothing of the credentials, which were not looked at. */
function tooMany(waitMs: number): VelocityError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
  return new VelocityError('RATE_LIMITED', 'Too many attempts with wrong credentials.', {
    hint: `From this address, try again in ${seconds} s.`,
    headers: { 'retry-after': String(seconds) },
  });
}
