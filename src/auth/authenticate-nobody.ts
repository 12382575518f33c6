import type { Identity } from '../contract/identity.ts';
import { hasCredentials } from './credentials.ts';
import type { StrategyFunction } from './strategy-function.ts';
import { notApplicable } from './strategy-function.ts';

/** The actor that role bindings name for callers without credentials. */
const anonymous = 'anonymous';

/**
 * Type `none`, for development: whoever presents nothing is `anonymous`, with the roles that bindings
 * give it. Who presents something is judged by the strategies beside it.
 */
export const authenticateNobody: StrategyFunction = (credentials, strategy) => {
  if (strategy?.organisation === undefined || hasCredentials(credentials)) return notApplicable;
  const identity: Identity = {
    organisation: strategy.organisation,
    actor: anonymous,
    actorType: 'user',
    strategy: strategy.ref,
    platformAdmin: false,
    keyScopes: undefined,
    roles: [],
    attributes: {},
    credential: { kind: 'none', id: anonymous },
  };
  return identity;
};
