import { errors, jwtVerify } from 'jose';
import type { Identity } from '../../contract/identity.ts';
import type { VelocityError } from '../../errors.ts';
import type { Claims } from '../../resources/auth-strategies/claim-mapping.ts';
import { ClaimOverBounds } from '../../resources/auth-strategies/claim-mapping.ts';
import type { KeySets } from './key-sets.ts';
import type { ParsedToken } from './parse-token.ts';
import { tokenAlgorithms } from './parse-token.ts';
import { isName, readPerson } from './read-person.ts';
import { refuseToken } from './token-refusal.ts';
import type { TokenStrategy, TrustedIssuer } from './token-strategy.ts';

export interface PresentedToken {
  readonly text: string;
  readonly parsed: ParsedToken;
  readonly strategy: TokenStrategy;
  readonly issuer: TrustedIssuer;
  readonly organisation: string;
}

const secondMs = 1_000;
/** The last second that a date can hold. */
const secondsMax = 8_640_000_000_000;

/** Who the token is about, once its signature and its claims hold. Rejects with an AUTH code. */
export async function verifyToken(
  presented: PresentedToken,
  keySets: KeySets,
  nowMs: number,
): Promise<Identity> {
  const { text, parsed, strategy, issuer } = presented;
  const key = await keySets.findKey(issuer, parsed.header);
  const { payload } = await jwtVerify(text, key, {
    algorithms: [...tokenAlgorithms],
    issuer: issuer.issuer,
    audience: issuer.audience,
    clockTolerance: strategy.clockSkewMs / secondMs,
    currentDate: new Date(nowMs),
    requiredClaims: ['exp'],
  }).catch((cause: unknown) => {
    throw refusalOf(cause);
  });
  requireTimes(payload, strategy, nowMs);
  try {
    return identityOf(payload, presented);
  } catch (cause) {
    if (!(cause instanceof ClaimOverBounds)) throw cause;
    throw refuseToken('claims', cause.message, { hint: 'Have the issuer send fewer of them.' });
  }
}

function refusalOf(cause: unknown): VelocityError {
  if (cause instanceof errors.JWTExpired) {
    return refuseToken('expired', 'The token has expired.', {
      hint: 'Ask the issuer for a new one.',
    });
  }
  if (cause instanceof errors.JWTClaimValidationFailed) {
    if (cause.claim === 'aud') {
      return refuseToken('audience', 'The token is for another audience.', {
        hint: 'Ask the issuer for a token whose aud is the audience of the AuthStrategy.',
      });
    }
    if (cause.claim === 'nbf') {
      return refuseToken('not-yet-valid', 'The token is not valid yet.', {
        hint: 'Wait, or compare the clocks: clockSkew of the AuthStrategy says what is tolerated.',
      });
    }
    return refuseToken('claims', `The claim ${cause.claim} of the token is not as it must be.`);
  }
  // A signature that does not hold, or a key that is too short or of another kind.
  return refuseToken('signature', 'The signature of the token does not hold.', { cause });
}

/** What jose leaves to its caller: finite times, an issue that is not in the future, a bounded life. */
function requireTimes(
  { exp, nbf, iat }: Claims,
  { clockSkewMs, ttlMaxMs }: TokenStrategy,
  nowMs: number,
): void {
  for (const [name, time] of Object.entries({ exp, nbf, iat })) {
    const isTime = typeof time === 'number' && Math.abs(time) <= secondsMax;
    if (time === undefined || isTime) continue;
    throw refuseToken('claims', `The claim ${name} of the token is not a time.`);
  }
  if (typeof iat === 'number' && iat * secondMs > nowMs + clockSkewMs) {
    throw refuseToken('not-yet-valid', 'The token says that it was issued in the future.', {
      hint: 'Compare the clocks: clockSkew of the AuthStrategy says what is tolerated.',
    });
  }
  if (ttlMaxMs === undefined) return;
  if (typeof iat === 'number' && (Number(exp) - iat) * secondMs <= ttlMaxMs) return;
  throw refuseToken(
    'lifetime',
    'The token lives longer than is accepted, or does not say how long.',
    {
      hint: 'Have the issuer send iat, and tokens within ttlMax of the AuthStrategy.',
    },
  );
}

function identityOf(claims: Claims, { parsed, strategy, issuer, organisation }: PresentedToken) {
  const { jti, exp } = claims;
  const identity: Identity = {
    organisation,
    actorType: 'user',
    strategy: strategy.entry.ref,
    platformAdmin: false,
    keyScopes: undefined,
    ...readPerson(claims, issuer),
    credential: {
      kind: 'jwt',
      id: typeof jti === 'string' && isName(jti) ? jti : parsed.digest,
      issuer: issuer.issuer,
      expiresAt: Number(exp) * secondMs,
    },
  };
  return identity;
}
