import { createHmac, timingSafeEqual } from 'node:crypto';
import { VelocityError } from '../errors.ts';

/** The last record's sort keys as Postgres writes them, the id last; null where there is no value. */
export type CursorKeys = readonly (string | null)[];

export interface CursorSeal {
  /** Shared by all API processes; whoever knows it can forge positions, but never see more rows. */
  readonly secret: string;
  /** What the cursor belongs to: schema, filter and order. Part of what is signed, not of the token. */
  readonly binding: string;
}

const signatureBytes = 32;

/** A position in a list as an opaque token: HMAC-SHA-256 (RFC 2104) and keys, in base64url. */
export function writeCursor(seal: CursorSeal, keys: CursorKeys): string {
  const payload = Buffer.from(JSON.stringify(keys));
  return Buffer.concat([sign(seal, payload), payload]).toString('base64url');
}

/** The keys of a token that `writeCursor` made under the same seal; throws CURSOR_INVALID. */
export function readCursor(seal: CursorSeal, token: string): CursorKeys {
  const bytes = Buffer.from(token, 'base64url');
  const payload = bytes.subarray(signatureBytes);
  // The decoder skips what is no base64url and ignores spare bits: only the exact token is ours.
  const genuine =
    bytes.length > signatureBytes &&
    bytes.toString('base64url') === token &&
    timingSafeEqual(bytes.subarray(0, signatureBytes), sign(seal, payload));
  if (!genuine) throw cursorInvalid();
  return JSON.parse(payload.toString('utf8')) as CursorKeys;
}

function sign({ secret, binding }: CursorSeal, payload: Buffer): Buffer {
  const hmac = createHmac('sha256', secret);
  return hmac
    .update(`${Buffer.byteLength(binding)}:${binding}`)
    .update(payload)
    .digest();
}

function cursorInvalid(): VelocityError {
  return new VelocityError('CURSOR_INVALID', 'The cursor does not belong to this list.', {
    details: { pointer: '/cursor' },
    hint: 'Cursors hold for the filter and sort they were given with; start again without one.',
  });
}
