import type { KeyObject } from 'node:crypto';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  X509Certificate,
} from 'node:crypto';
import { isIP } from 'node:net';
import type { Der } from './der.ts';
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from './der.ts';

/** A certificate and its private key, both PEM. */
export interface KeyedCertificate {
  readonly certificate: string;
  readonly key: string;
}

interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

interface IssueOptions {
  readonly validity: Validity;
  readonly randomBytes: (size: number) => Buffer;
}

/** Object identifiers of RFC 5280, 5480 and 5758. */
const oids = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuthentication: '1.3.6.1.5.5.7.3.1',
} as const;

const serialBytes = 16;

/** A self-signed authority that may sign certificates of servers and nothing further down. */
export function issueAuthority(name: string, options: IssueOptions): KeyedCertificate {
  const pair = newKey();
  const certificate = signCertificate(options, {
    issuer: name,
    subject: name,
    publicKey: pair.publicKey,
    signingKey: pair.privateKey,
    extensions: [
      extension(oids.basicConstraints, true, sequence(boolean(true), integer(Buffer.of(0)))),
      // Bits 5 and 6: keyCertSign, cRLSign.
      extension(oids.keyUsage, true, bitString(Buffer.of(0b0000_0110), 1)),
      extension(oids.subjectKeyIdentifier, false, octetString(keyId(pair.publicKey))),
    ],
  });
  return { certificate, key: pair.pem };
}

/** A server's certificate for these host names and addresses, the first of which names it. */
export function issueServing(
  hosts: readonly string[],
  authority: KeyedCertificate,
  options: IssueOptions,
): KeyedCertificate {
  const pair = newKey();
  const signingKey = createPrivateKey(authority.key);
  const names = hosts.map((host) =>
    isIP(host) === 0 ? implicit(2, Buffer.from(host, 'ascii')) : implicit(7, addressBytes(host)),
  );
  const certificate = signCertificate(options, {
    issuer: commonNameOf(authority.certificate),
    subject: hosts[0] ?? '',
    publicKey: pair.publicKey,
    signingKey,
    extensions: [
      extension(oids.basicConstraints, true, sequence()),
      // Bit 0: digitalSignature.
      extension(oids.keyUsage, true, bitString(Buffer.of(0b1000_0000), 7)),
      extension(
        oids.extendedKeyUsage,
        false,
        sequence(objectIdentifier(oids.serverAuthentication)),
      ),
      extension(
        oids.authorityKeyIdentifier,
        false,
        sequence(implicit(0, keyId(createPublicKey(signingKey)))),
      ),
      extension(oids.subjectAltName, false, sequence(...names)),
    ],
  });
  return { certificate, key: pair.pem };
}

interface Contents {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly signingKey: KeyObject;
  readonly extensions: readonly Der[];
}

/** RFC 5280 4.1, version 3, signed with ECDSA over P-256 and SHA-256. */
function signCertificate({ validity, randomBytes }: IssueOptions, contents: Contents): string {
  const algorithm = sequence(objectIdentifier(oids.ecdsaWithSha256));
  const serial = randomBytes(serialBytes);
  const body = sequence(
    explicit(0, integer(Buffer.of(2))),
    integer(serial),
    algorithm,
    distinguishedName(contents.issuer),
    sequence(time(validity.notBefore), time(validity.notAfter)),
    distinguishedName(contents.subject),
    contents.publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...contents.extensions)),
  );
  const signature = sign('sha256', body, contents.signingKey);
  const der = sequence(body, algorithm, bitString(signature));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function newKey(): { publicKey: KeyObject; privateKey: KeyObject; pem: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    publicKey,
    privateKey,
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}

function distinguishedName(commonName: string): Der {
  return sequence(set(sequence(objectIdentifier(oids.commonName), utf8String(commonName))));
}

function extension(oid: string, critical: boolean, value: Der): Der {
  const parts = critical ? [boolean(true)] : [];
  return sequence(objectIdentifier(oid), ...parts, octetString(value));
}

/** Of the key itself, so that authority and what it signs agree on it (RFC 5280 4.2.1.2). */
function keyId(publicKey: KeyObject): Buffer {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest().subarray(0, 20);
}

function commonNameOf(certificate: string): string {
  return /^CN=(.*)$/m.exec(new X509Certificate(certificate).subject)?.[1] ?? '';
}

/** Four bytes of an IPv4 address, sixteen of an IPv6 one. */
function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const groups = (text: string): string[] => text.split(':').filter((group) => group !== '');
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const all = [...before, ...zeros, ...after];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
