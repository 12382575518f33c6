import { hash } from 'node:crypto';
import { refuseToken } from './token-refusal.ts';

/** A token as it presents itself: nothing of it is true before its signature is verified. */
export interface ParsedToken {
  readonly header: {
    readonly alg: TokenAlgorithm;
    readonly kid?: string;
  };
  readonly claims: Readonly<Record<string, unknown>>;
  /**
   * SHA-256 of what is signed, in hex. An ECDSA signature can be rewritten into another valid one, so
   * the text of the whole token would not be one name for it.
   */
  readonly digest: string;
}

/** Signatures by a private key that only the issuer has. Never a shared secret, never none. */
export const tokenAlgorithms = [
  ...(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const),
  ...(['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const),
] as const;
type TokenAlgorithm = (typeof tokenAlgorithms)[number];

/** Node takes headers up to 16 KiB in all. */
const tokenLengthMax = 16_384;
const kidLengthMax = 256;

/** Members by which a token would choose its own key or its own rules. */
const refusedMembers = ['jwk', 'jku', 'x5u', 'x5c', 'crit', 'b64', 'zip', 'enc', 'epk', 'cty'];

/** RFC 9068 and what everybody sends. Other types, a logout token for example, mean something else. */
const types: ReadonlySet<string> = new Set([
  'jwt',
  'at+jwt',
  'application/jwt',
  'application/at+jwt',
]);

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Throws AUTH_INVALID_TOKEN for whatever could not be a signed token of ours, before any key is asked. */
export function parseToken(text: string): ParsedToken {
  const parts = text.split('.');
  if (text.length > tokenLengthMax || parts.length !== 3) {
    throw refuseToken('malformed', 'The token is not a signed JWT in compact form.', {
      hint: 'Send the access token as the issuer gave it: three parts with dots between them.',
    });
  }
  const [headerText = '', claimsText = '', signature = ''] = parts;
  const header = decodeObject(headerText, 'header');
  const claims = decodeObject(claimsText, 'payload');
  decodeBytes(signature, 'signature');
  const refused = refusedMembers.find((member) => Object.hasOwn(header, member));
  if (refused !== undefined) {
    throw refuseToken(
      'header',
      `The header of the token has a member ${refused}, which is refused.`,
      {
        hint: 'Keys come from the issuer’s own address alone; have it issue plain JWTs.',
      },
    );
  }
  const { alg, kid, typ } = header;
  if (!isAlgorithm(alg)) {
    throw refuseToken('algorithm', 'The token is not signed by an algorithm that is accepted.', {
      hint: `Accepted are ${tokenAlgorithms.join(', ')}.`,
    });
  }
  if (typ !== undefined && !(typeof typ === 'string' && types.has(typ.toLowerCase()))) {
    throw refuseToken('type', 'The token is of another type than JWT.', {
      hint: 'Send an access token: typ is JWT, at+jwt, or left out.',
    });
  }
  if (kid !== undefined && !(typeof kid === 'string' && kid !== '' && kid.length <= kidLengthMax)) {
    throw refuseToken('header', 'The kid of the token is not a name.');
  }
  const digest = hash('sha256', `${headerText}.${claimsText}`, 'hex');
  return { header: { alg, ...(kid !== undefined && { kid }) }, claims, digest };
}

function isAlgorithm(alg: unknown): alg is TokenAlgorithm {
  return (tokenAlgorithms as readonly unknown[]).includes(alg);
}

function decodeObject(part: string, name: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(decodeBytes(part, name)));
  } catch (cause) {
    throw malformed(name, cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(name);
  return value as Record<string, unknown>;
}

/** base64url without padding, in the one spelling that these bytes have. */
function decodeBytes(part: string, name: string): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  if (bytes.length === 0 || bytes.toString('base64url') !== part) throw malformed(name);
  return bytes;
}

function malformed(part: string, cause?: unknown) {
  return refuseToken('malformed', `The ${part} of the token is not well formed.`, { cause });
}
