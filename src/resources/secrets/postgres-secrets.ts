import type { Pool } from '../../store/pool.ts';
import type { Sealed, SealingKey } from './seal.ts';
import { open, seal } from './seal.ts';
import type { SecretStore } from './secret-store.ts';

export interface PostgresSecretsOptions {
  readonly pool: Pool;
  /** The first seals; each opens what it has sealed. */
  readonly keys: readonly [SealingKey, ...SealingKey[]];
  readonly randomBytes: (size: number) => Buffer;
}

/** Secrets as sealed rows of `platform.secrets`. Works as velocity_operator and as velocity_api. */
export function openPostgresSecrets(options: PostgresSecretsOptions): SecretStore {
  const { pool, keys, randomBytes } = options;
  return {
    keepsApiKeys: false,
    async read(ref) {
      const { rows } = await pool.query<Sealed>({
        name: 'secrets.read',
        text: `
          select sealed_by as "sealedBy", nonce, sealed
            from platform.secrets
           where namespace = $1::text and name = $2::text and key = $3::text`,
        values: [ref.namespace, ref.name, ref.key],
      });
      const [row] = rows;
      return row && open(row, ref, keys);
    },
    async write(ref, text) {
      const { sealedBy, nonce, sealed } = seal(text, ref, { key: keys[0], randomBytes });
      await pool.query({
        name: 'secrets.write',
        text: `
          insert into platform.secrets (namespace, name, key, sealed_by, nonce, sealed)
          values ($1::text, $2::text, $3::text, $4::text, $5::bytea, $6::bytea)
              on conflict (namespace, name, key) do update
             set sealed_by = excluded.sealed_by, nonce = excluded.nonce, sealed = excluded.sealed,
                 changed_at = clock_timestamp()`,
        values: [ref.namespace, ref.name, ref.key, sealedBy, nonce, sealed],
      });
    },
  };
}
