import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import type { SecretRef } from './secret-store.ts';

/** 32 bytes. */
export type SealingKey = Buffer;

export interface Sealed {
  /** Which key sealed it, so that keys can be changed one after the other. */
  readonly sealedBy: string;
  readonly nonce: Buffer;
  /** Ciphertext and tag. */
  readonly sealed: Buffer;
}

const cipher = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** The place is authenticated with the text: a row that was moved elsewhere does not open. */
export function seal(
  text: string,
  ref: SecretRef,
  options: { readonly key: SealingKey; readonly randomBytes: (size: number) => Buffer },
): Sealed {
  const nonce = options.randomBytes(nonceBytes);
  const sealing = createCipheriv(cipher, options.key, nonce, { authTagLength: tagBytes });
  sealing.setAAD(placeOf(ref));
  const sealed = Buffer.concat([
    ...[sealing.update(text, 'utf8'), sealing.final(), sealing.getAuthTag()],
  ]);
  return { sealedBy: nameOf(options.key), nonce, sealed };
}

/** Throws when none of the keys sealed it, or anything of it was altered. */
export function open(
  { sealedBy, nonce, sealed }: Sealed,
  ref: SecretRef,
  keys: readonly SealingKey[],
): string {
  const key = keys.find((candidate) => nameOf(candidate) === sealedBy);
  if (key === undefined) throw new Error(`secrets sealed by key ${sealedBy} cannot be opened`);
  const opening = createDecipheriv(cipher, key, nonce, { authTagLength: tagBytes });
  opening.setAAD(placeOf(ref));
  opening.setAuthTag(sealed.subarray(-tagBytes));
  const text = [opening.update(sealed.subarray(0, -tagBytes)), opening.final()];
  return Buffer.concat(text).toString('utf8');
}

function placeOf({ namespace, name, key }: SecretRef): Buffer {
  return Buffer.from(JSON.stringify(['velocity secret', namespace, name, key]), 'utf8');
}

/** Tells keys apart and says nothing about them. */
function nameOf(key: SealingKey): string {
  return createHash('sha256').update('velocity sealing key').update(key).digest('hex').slice(0, 16);
}
