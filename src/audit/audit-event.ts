import type { Identity } from '../contract/identity.ts';
import type { Transaction } from '../store/pool.ts';

/** What is neither a write of a record nor told by its triggers. */
export interface AuditEvent {
  readonly identity: Identity;
  /** The identity's own unless given: how a request went on whose credentials nobody could be asked about. */
  readonly failMode?: 'open' | 'closed' | undefined;
  readonly requestId?: string | undefined;
  readonly reason?: string | undefined;
  /** Whom it concerns; the actor's own organisation unless given. */
  readonly organisation?: string | undefined;
  /** The schema's, where there is one. */
  readonly path?: string | undefined;
  readonly operation: string;
  readonly outcome: 'ok' | 'denied';
  /** Of a denial. */
  readonly layer?: string | undefined;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** One entry of the audit log, in the caller's transaction: it stands or falls with what it tells of. */
export async function auditEvent(tx: Transaction, event: AuditEvent): Promise<void> {
  const { identity } = event;
  await tx.query({
    name: 'audit.event-context',
    text: `select set_config('velocity.actor', $1, true), set_config('velocity.actor_type', $2, true),
                  set_config('velocity.strategy', $3, true), set_config('velocity.request_id', $4, true),
                  set_config('velocity.fail_mode', $5, true), set_config('velocity.reason', $6, true)`,
    values: [
      identity.actor,
      identity.actorType,
      identity.strategy,
      event.requestId ?? '',
      event.failMode ?? identity.failMode ?? '',
      event.reason ?? '',
    ],
  });
  await tx.query({
    name: 'audit.event',
    text: `select platform.audit_event($1::text, $2::text, null, $3::text, $4::text, $5::text, $6::jsonb)`,
    values: [
      event.organisation ?? identity.organisation,
      event.path ?? null,
      event.operation,
      event.outcome,
      event.layer ?? null,
      JSON.stringify(event.payload),
    ],
  });
}
