import type { ApiKey } from '../../contract/kinds.ts';
import type { Transaction } from '../../store/pool.ts';

export interface IssuedKey {
  /** SHA-256 of the key, in hexadecimal. */
  readonly keyHash: string;
  readonly revokedAt: string | null;
}

/**
 * Brings an issued key up to its manifest; undefined while no key has been issued. A key that was
 * revoked before the manifest was made belonged to an earlier one of the same name.
 */
export async function projectApiKey(
  tx: Transaction,
  { metadata, spec }: ApiKey,
): Promise<IssuedKey | undefined> {
  const { rows } = await tx.query<IssuedKey>({
    name: 'activities.project-api-key',
    text: `
      update platform.api_keys
         set actor = $3::text, actor_type = $4::text, scopes = $5::jsonb,
             ip_allowlist = $6::text[], expires_at = $7::timestamptz
       where namespace = $1::text and name = $2::text
         and (revoked_at is null or revoked_at >= $8::timestamptz)
      returning encode(key_hash, 'hex') as "keyHash", revoked_at as "revokedAt"`,
    values: [
      metadata.namespace,
      metadata.name,
      spec.actor,
      spec.actorType,
      JSON.stringify(spec.scopes ?? []),
      spec.ipAllowlist ?? [],
      spec.expiry ?? null,
      metadata.creationTimestamp ?? '-infinity',
    ],
  });
  return rows[0];
}

/** Ends a key at once and for good; the row stays, so that the key is known to be revoked. */
export async function revokeApiKey(
  tx: Transaction,
  key: { namespace: string; name: string },
): Promise<void> {
  await tx.query({
    name: 'activities.revoke-api-key',
    text: `
      update platform.api_keys
         set revoked_at = clock_timestamp()
       where namespace = $1::text and name = $2::text and revoked_at is null`,
    values: [key.namespace, key.name],
  });
}
