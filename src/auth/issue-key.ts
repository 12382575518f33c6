import type { KeyScope } from '../contract/identity.ts';
import type { ApiKey } from '../contract/kinds.ts';
import type { Transaction } from '../store/pool.ts';
import { hashApiKey, mintApiKey } from './api-key.ts';

export interface KeyOwner {
  readonly namespace: string;
  readonly name: string;
  readonly organisation: string;
  readonly actor: string;
  readonly actorType: 'user' | 'service';
  readonly roles?: readonly string[];
  readonly scopes?: readonly KeyScope[];
  readonly ipAllowlist?: readonly string[];
  /** RFC 3339. */
  readonly expiresAt?: string;
}

/** The owner of the key that an ApiKey declares. */
export function keyOwner({ metadata, spec }: ApiKey, organisation: string): KeyOwner {
  const { namespace, name } = metadata;
  const { actor, actorType, scopes, ipAllowlist, expiry } = spec;
  return {
    ...{ namespace, name, organisation, actor, actorType },
    ...(scopes !== undefined && { scopes }),
    ...(ipAllowlist !== undefined && { ipAllowlist }),
    ...(expiry !== undefined && { expiresAt: expiry }),
  };
}

export interface IssueOptions {
  readonly env: string;
  readonly randomBytes: (size: number) => Buffer;
  /** Keeps the plaintext; when it cannot, no key is issued. */
  readonly keep?: ((plaintext: string) => Promise<void>) | undefined;
}

/**
 * Mints a key and stores its hash under the owner's name, in the place of an older one. The
 * plaintext is the answer and exists nowhere else, unless it is kept.
 */
export async function issueKey(
  tx: Transaction,
  owner: KeyOwner,
  options: IssueOptions,
): Promise<string> {
  const plaintext = mintApiKey(options.env, options.randomBytes);
  await tx.query({
    name: 'auth.issue-key',
    text: `
      insert into platform.api_keys
             (namespace, name, organisation, key_hash, actor, actor_type, roles, scopes, ip_allowlist, expires_at)
      values ($1::text, $2::text, $3::text, $4::bytea, $5::text, $6::text, $7::text[], $8::jsonb, $9::text[], $10::timestamptz)
      on conflict (namespace, name) do update
         set organisation = excluded.organisation, key_hash = excluded.key_hash, actor = excluded.actor,
             actor_type = excluded.actor_type, roles = excluded.roles, scopes = excluded.scopes,
             ip_allowlist = excluded.ip_allowlist, expires_at = excluded.expires_at,
             created_at = clock_timestamp(), revoked_at = null, last_used_at = null`,
    values: [
      owner.namespace,
      owner.name,
      owner.organisation,
      hashApiKey(plaintext),
      owner.actor,
      owner.actorType,
      owner.roles ?? [],
      JSON.stringify(owner.scopes ?? []),
      owner.ipAllowlist ?? [],
      owner.expiresAt ?? null,
    ],
  });
  await options.keep?.(plaintext);
  return plaintext;
}

/** Until the end of the transaction nobody else issues a key of this name. */
export async function lockKey(
  tx: Transaction,
  { namespace, name }: Pick<KeyOwner, 'namespace' | 'name'>,
): Promise<void> {
  await tx.query({
    name: 'auth.lock-key',
    text: `select pg_advisory_xact_lock(hashtextextended('velocity api key ' || $1::text, 0))`,
    values: [`${namespace}/${name}`],
  });
}

/** True when the key existed and was not revoked before. */
export async function revokeKey(
  tx: Transaction,
  key: { readonly namespace: string; readonly name: string },
): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: 'auth.revoke-key',
    text: `
      update platform.api_keys set revoked_at = clock_timestamp()
       where namespace = $1::text and name = $2::text and revoked_at is null`,
    values: [key.namespace, key.name],
  });
  return rowCount > 0;
}
