import type { Identity } from '../contract/identity.ts';
import type { Pool } from '../store/pool.ts';

export interface Denial {
  readonly identity: Identity;
  readonly requestId: string;
  /** The error code that the caller was answered. */
  readonly code: string;
  /** What was asked for, `PATCH /api/acme/…` for example; never a body. */
  readonly request: string;
  /** The schema's path, where the request named one. */
  readonly path?: string;
}

/** Which of the seven layers says no with this code; undefined for refusals that are no denials. */
const layers: Readonly<Record<string, string>> = {
  RBAC_DENIED: 'rbac',
  AUTH_INSUFFICIENT_SCOPES: 'rbac',
  SELF_APPROVAL_DENIED: 'rbac',
  POLICY_DENIED: 'abac',
  CROSS_SCHEMA_ACCESS_DENIED: 'cross-schema',
  FIELD_ACCESS_DENIED: 'field',
  RLS_POLICY_DENIED: 'rls',
};

/** Writes a denial to the audit log, with the layer that denied. Resolves when it is kept. */
export async function recordDenial(pool: Pool, denial: Denial): Promise<void> {
  const { identity } = denial;
  await pool.transaction(async (tx) => {
    await tx.query({
      name: 'audit.denial-context',
      text: `select set_config('velocity.actor', $1, true), set_config('velocity.actor_type', $2, true),
                    set_config('velocity.strategy', $3, true), set_config('velocity.request_id', $4, true)`,
      values: [identity.actor, identity.actorType, identity.strategy, denial.requestId],
    });
    await tx.query({
      name: 'audit.denial',
      text: `select platform.audit_event($1::text, $2::text, null, $3::text, 'denied', $4::text, $5::jsonb)`,
      values: [
        identity.organisation,
        denial.path ?? null,
        'request',
        layers[denial.code] ?? 'api',
        JSON.stringify({ code: denial.code, request: denial.request }),
      ],
    });
  });
}
