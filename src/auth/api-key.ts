import { hash, timingSafeEqual } from 'node:crypto';

/** 28 random bytes and 4 of checksum: 43 characters of base64url without padding. */
const randomBytesCount = 28;
const checksumBytes = 4;
/** What a key is for, where nobody says. */
export const keyEnvDefault = 'live';
const keyPattern = /^vel_([a-z0-9]{1,16})_([A-Za-z0-9_-]{43})$/;

/**
 * A new key: `vel_{env}_{43 base64url}`, the 43 characters being 32 bytes: 28 random ones and the
 * first 4 of SHA-256(`vel_{env}_` ‖ the 28). `randomBytes` answers that many random bytes.
 */
export function mintApiKey(env: string, randomBytes: (size: number) => Buffer): string {
  const prefix = `vel_${env}_`;
  const random = randomBytes(randomBytesCount);
  const key = `${prefix}${Buffer.concat([random, checksum(prefix, random)]).toString('base64url')}`;
  if (!keyPattern.test(key))
    throw new Error(`an environment name has 1 to 16 of a-z and 0-9, not "${env}"`);
  return key;
}

/** Whether the text has the form and the checksum of a key: tells typing errors and guesses apart for free. */
export function verifyApiKeyFormat(text: string): boolean {
  const match = keyPattern.exec(text);
  if (match === null) return false;
  const bytes = Buffer.from(match[2] ?? '', 'base64url');
  // base64url has spare bits at its end: only the one spelling that we would write counts.
  if (bytes.length !== randomBytesCount + checksumBytes || bytes.toString('base64url') !== match[2])
    return false;
  const expected = checksum(`vel_${match[1]}_`, bytes.subarray(0, randomBytesCount));
  return timingSafeEqual(bytes.subarray(randomBytesCount), expected);
}

/** What is stored of a key: SHA-256 of the whole text. 28 random bytes need no slow hash. */
export function hashApiKey(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}

function checksum(prefix: string, random: Buffer): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(prefix), random]), 'buffer').subarray(
    0,
    checksumBytes,
  );
}
