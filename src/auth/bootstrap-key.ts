import { randomBytes } from 'node:crypto';
import { platformAdminRole, platformOrganisation } from '../contract/names.ts';
import { openPool } from '../store/pool.ts';
import { hashApiKey } from './api-key.ts';
import { issueKey } from './issue-key.ts';

const bootstrapKey = { namespace: platformOrganisation, name: 'bootstrap' } as const;

/**
 * The one key that holds platform-admin. `existing` is kept while the database knows it; otherwise a
 * new key takes the old one's place. `databaseUrl` logs in as velocity_operator.
 */
export async function ensureBootstrapKey(
  databaseUrl: string,
  options: { readonly env: string; readonly existing?: string },
): Promise<string> {
  const pool = openPool({
    connectionString: databaseUrl,
    size: 1,
    application: 'velocity bootstrap key',
  });
  try {
    return await pool.transaction(async (tx) => {
      if (options.existing !== undefined) {
        const { rowCount } = await tx.query({
          text: `select from platform.api_keys
                  where namespace = $1::text and name = $2::text and key_hash = $3::bytea and revoked_at is null`,
          values: [bootstrapKey.namespace, bootstrapKey.name, hashApiKey(options.existing)],
        });
        if (rowCount === 1) return options.existing;
      }
      return issueKey(
        tx,
        {
          ...bootstrapKey,
          organisation: platformOrganisation,
          actor: platformAdminRole,
          actorType: 'user',
          roles: [platformAdminRole],
        },
        { env: options.env, randomBytes },
      );
    });
  } finally {
    await pool.close();
  }
}
