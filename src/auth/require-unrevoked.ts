import type { Identity } from '../contract/identity.ts';
import type { Revocation } from '../contract/kinds.ts';
import { VelocityError } from '../errors.ts';
import type { AuthenticationQuestion } from './authenticate.ts';
import { challenge } from './credentials.ts';
import type { Revocations } from './revocations.ts';
import { strategiesFor } from './strategy-choice.ts';

/** How a request went on whose credentials could not be asked about. */
export type FailMode = 'open' | 'closed';

/**
 * What every caller passes once their credentials were found good. Answers at once where this process
 * knows; `note` hears of each caller about whom nobody could be asked.
 */
export function requireUnrevoked(
  revocations: Revocations,
  note: (identity: Identity, failMode: FailMode) => void,
): (identity: Identity, question: AuthenticationQuestion) => Identity | Promise<Identity> {
  const goOn = (identity: Identity, question: AuthenticationQuestion, cause: unknown): Identity => {
    const unasked = cause instanceof VelocityError && cause.code === 'REVOCATION_UNAVAILABLE';
    if (!unasked) throw cause;
    const failMode = ruleOf(identity, question)?.failOpen === true ? 'open' : 'closed';
    note(identity, failMode);
    if (failMode === 'closed') throw cause;
    return { ...identity, failMode };
  };
  return (identity, question) => {
    // A list that somebody else keeps names tokens and sessions; keys are ours alone.
    const list =
      identity.strategy === 'apikey' ? undefined : ruleOf(identity, question)?.key || undefined;
    try {
      const answer = revocations.isRevoked(identity, list);
      if (typeof answer === 'boolean') return admit(identity, answer);
      return answer.then(
        (isRevoked) => admit(identity, isRevoked),
        (cause: unknown) => goOn(identity, question, cause),
      );
    } catch (cause) {
      return goOn(identity, question, cause);
    }
  };
}

function admit(identity: Identity, isRevoked: boolean): Identity {
  if (!isRevoked) return identity;
  throw new VelocityError('AUTH_REVOKED', 'These credentials were revoked.', {
    hint: 'Sign in again; if that changes nothing, ask an administrator of your organisation.',
    headers: challenge,
  });
}

/** What the strategy that let the caller in says about revocation. Where none has chosen, nothing does. */
function ruleOf(
  { strategy, organisation }: Identity,
  { schema, operations = ['read'], snapshot }: AuthenticationQuestion,
): Revocation | undefined {
  if (strategy !== 'apikey') return snapshot.strategies.get(strategy)?.spec.config.revocation;
  if (schema === undefined || schema.organisation !== organisation) return undefined;
  const ofKeys = strategiesFor(schema, operations, snapshot).find(
    ({ spec }) => spec.type === 'apikey',
  );
  return ofKeys?.spec.config.revocation;
}
