import type { Identity } from '../contract/identity.ts';
import type { Pool } from '../store/pool.ts';
import { auditEvent } from './audit-event.ts';

/** An outage is told once in this time for each actor: one entry a request would be a flood of its own. */
const everyMs = 60_000;
/** Actors remembered; with more, some are told of more often. */
const notedMax = 10_000;

export interface FailModeOptions {
  readonly pool: Pool;
  readonly now: () => number;
  readonly onError: (cause: unknown) => void;
}

/**
 * Into the audit, that somebody was refused (`closed`) or let in (`open`) although nobody could say
 * whether their credentials were revoked. Writes and denials of those let in carry it themselves.
 */
export function createFailModeAudit(
  options: FailModeOptions,
): (identity: Identity, failMode: 'open' | 'closed') => void {
  const noted = new Map<string, number>();
  return (identity, failMode) => {
    const key = `${identity.organisation}\n${identity.actor}\n${failMode}`;
    const nowMs = options.now();
    if (nowMs - (noted.get(key) ?? Number.NEGATIVE_INFINITY) < everyMs) return;
    if (noted.size >= notedMax) noted.clear();
    noted.set(key, nowMs);
    const isOpen = failMode === 'open';
    options.pool
      .transaction((tx) =>
        auditEvent(tx, {
          ...{ identity, failMode, operation: 'authenticate' },
          ...(isOpen ? { outcome: 'ok' } : { outcome: 'denied', layer: 'authentication' }),
          payload: { code: 'REVOCATION_UNAVAILABLE' },
        }),
      )
      .catch((cause: unknown) => {
        noted.delete(key);
        options.onError(cause);
      });
  };
}
