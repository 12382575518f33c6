import type { Identity } from '../contract/identity.ts';
import type { RegistrySnapshot, StrategyEntry } from '../resources/registry/snapshot.ts';
import type { Credentials } from './credentials.ts';

/** The strategy says nothing about what was presented: another one may. */
export const notApplicable = 'not-applicable';

export interface AuthenticationContext {
  readonly snapshot: RegistrySnapshot;
  readonly nowMs: number;
}

/**
 * One type of AuthStrategy. Answers at once whenever it can: a promise costs every request a turn of
 * the event loop. Throws when it applies and the credentials are not good. `strategy` is undefined
 * where no schema has chosen one; then any strategy of the type may answer.
 */
export type StrategyFunction = (
  credentials: Credentials,
  strategy: StrategyEntry | undefined,
  context: AuthenticationContext,
) => Identity | typeof notApplicable | Promise<Identity | typeof notApplicable>;
