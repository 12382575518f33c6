import type { Observe } from '../observe.ts';
import type { SealingKey } from '../resources/secrets/seal.ts';
import type { Pool } from '../store/pool.ts';
import type { OidcClients } from './oidc-clients.ts';

/** What sessions work with. */
export interface SessionDeps {
  readonly pool: Pool;
  readonly clients: OidcClients;
  /** The first seals tokens and sign-ins under way; each opens what it has sealed. */
  readonly keys: readonly [SealingKey, ...SealingKey[]];
  readonly observe: Observe;
  readonly now: () => number;
  readonly newId: () => string;
  readonly randomBytes: (size: number) => Buffer;
}
