import type { Identity } from '../contract/identity.ts';
import type { Pool } from '../store/pool.ts';
import { auditEvent } from './audit-event.ts';

export interface Denial {
  readonly identity: Identity;
  readonly requestId: string;
  /** The error code that the caller was answered. */
  readonly code: string;
  /** What was asked for, `PATCH /api/acme/…` for example; never a body. */
  readonly request: string;
  /** The policy that denied, where one did. */
  readonly policy?: string;
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
  const { identity, requestId, path, code, request, policy } = denial;
  await pool.transaction((tx) =>
    auditEvent(tx, {
      ...{ identity, requestId, path, operation: 'request', outcome: 'denied' },
      layer: layers[code] ?? 'api',
      payload: { code, request, policy },
    }),
  );
}
