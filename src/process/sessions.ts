import { randomBytes } from 'node:crypto';
import { createOidcClients } from '../auth/oidc-clients.ts';
import type { Sessions } from '../auth/sessions.ts';
import { createSessions } from '../auth/sessions.ts';
import { sweepSessions } from '../auth/sql/write-session.ts';
import type { Config } from '../config.ts';
import type { Observe } from '../observe.ts';
import type { Outbound } from '../resources/outbound/outbound.ts';
import type { SecretStore } from '../resources/secrets/secret-store.ts';
import type { Pool } from '../store/pool.ts';

export interface SessionParts {
  readonly config: Config;
  readonly pool: Pool;
  readonly outbound: Outbound;
  readonly secrets: SecretStore | undefined;
  readonly observe: Observe;
  readonly newId: () => string;
}

/** Undefined without a key to seal with: nobody signs in here. */
export function openSessions(parts: SessionParts): Sessions | undefined {
  const { config, pool, outbound, secrets, observe, newId } = parts;
  const [first, ...others] = config.secretKeys;
  if (first === undefined) return undefined;
  const now = Date.now;
  const clients = createOidcClients({ secrets, outbound, now });
  const keys = [first, ...others] as const;
  return createSessions({ pool, clients, keys, observe, now, newId, randomBytes });
}

/** Sessions that are over are forgotten some minutes sooner or later; every replica may do it. */
const sweepEveryMs = 10 * 60_000;

export function keepSwept(pool: Pool, onError: (cause: unknown) => void): () => void {
  const timer = setInterval(() => {
    sweepSessions(pool, Date.now()).catch(onError);
  }, sweepEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
