import type { Transaction } from '../store/pool.ts';
import { hashApiKey, mintApiKey } from './api-key.ts';

export interface RotateOptions {
  readonly env: string;
  readonly randomBytes: (size: number) => Buffer;
  /** For how long the text that is replaced still counts. */
  readonly overlapSeconds: number;
  /** What the caller calls this rotation: asked for again, it is not made again. */
  readonly rotation: string;
}

export type Rotated =
  | { readonly outcome: 'rotated'; readonly text: string; readonly previousValidUntil: string }
  | {
      readonly outcome: 'repeated';
      readonly previousValidUntil: string;
      /** Of the text that counts now, which only its hash is known of. */
      readonly keyHash: string;
    }
  | { readonly outcome: 'too-many' }
  | { readonly outcome: 'no-live-key' };

/** Texts of one key that count at a time: more than one unfinished rotation is a mistake somewhere. */
export const textsPerKeyMax = 5;

/**
 * Gives a key another text; the one before counts until the overlap or the key itself ends. What the
 * key may do stays as it is. The caller holds `lockKey`.
 */
export async function rotateKey(
  tx: Transaction,
  key: { readonly namespace: string; readonly name: string },
  options: RotateOptions,
): Promise<Rotated> {
  const { rows } = await tx.query<StandingKey>({
    name: 'auth.rotate-key.standing',
    text: `
      select encode(k.key_hash, 'hex') as "keyHash",
             k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp()) as live,
             (select count(*)::int from platform.rotated_api_keys r
               where r.namespace = k.namespace and r.name = k.name
                 and r.valid_until > clock_timestamp()) as previous,
             (select r.valid_until from platform.rotated_api_keys r
               where r.namespace = k.namespace and r.name = k.name
                 and r.rotation = $3::text) as "rotatedUntil"
        from platform.api_keys k
       where k.namespace = $1::text and k.name = $2::text
         for update of k`,
    values: [key.namespace, key.name, options.rotation],
  });
  const [standing] = rows;
  if (standing === undefined || !standing.live) return { outcome: 'no-live-key' };
  const { keyHash, previous, rotatedUntil } = standing;
  if (rotatedUntil !== null) {
    return { outcome: 'repeated', previousValidUntil: rotatedUntil, keyHash };
  }
  if (previous + 1 >= textsPerKeyMax) return { outcome: 'too-many' };
  const { rows: replaced } = await tx.query<{ validUntil: string }>({
    name: 'auth.rotate-key.replace',
    text: `
      with forgotten as (
        delete from platform.rotated_api_keys r
         where r.namespace = $1::text and r.name = $2::text
           and r.valid_until < clock_timestamp() - interval '400 days')
      insert into platform.rotated_api_keys (key_hash, namespace, name, rotation, valid_until, last_used_at)
      select k.key_hash, k.namespace, k.name, $3::text,
             least(clock_timestamp() + make_interval(secs => $4::float8), k.expires_at), k.last_used_at
        from platform.api_keys k
       where k.namespace = $1::text and k.name = $2::text
      returning valid_until as "validUntil"`,
    values: [key.namespace, key.name, options.rotation, options.overlapSeconds],
  });
  const text = await mintText(tx, key, options);
  return { outcome: 'rotated', text, previousValidUntil: replaced[0]!.validUntil };
}

interface StandingKey {
  readonly keyHash: string;
  readonly live: boolean;
  readonly previous: number;
  readonly rotatedUntil: string | null;
}

/** Puts a new text in the place of one that nobody has: what the key was rotated to, and was lost. */
export async function mintText(
  tx: Transaction,
  key: { readonly namespace: string; readonly name: string },
  { env, randomBytes }: Pick<RotateOptions, 'env' | 'randomBytes'>,
): Promise<string> {
  const text = mintApiKey(env, randomBytes);
  await tx.query({
    name: 'auth.rotate-key.mint',
    text: `
      update platform.api_keys
         set key_hash = $3::bytea, created_at = clock_timestamp(), last_used_at = null
       where namespace = $1::text and name = $2::text`,
    values: [key.namespace, key.name, hashApiKey(text)],
  });
  return text;
}
