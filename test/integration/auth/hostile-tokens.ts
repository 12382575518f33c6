import type { KeyObject } from 'node:crypto';
import { createHmac } from 'node:crypto';
import type { SigningKey, TestIssuer } from '../../support/token-issuer.ts';
import { claimsFor, encodePart, signatureOf, signToken } from '../../support/token-issuer.ts';

/** One trick each: everything else about the token is as good as the attacker can make it. */
export type HostileToken = readonly [trick: string, token: string];

export interface Armoury {
  readonly issuer: TestIssuer;
  /** What the issuer publishes, a key for each algorithm that is accepted. */
  readonly keys: readonly SigningKey[];
  /** The attacker's own, of which the issuer knows nothing. */
  readonly own: readonly SigningKey[];
  /** A server of the attacker's. */
  readonly trap: string;
}

const roles = { roles: ['clerk'] };
const show = (value: unknown): string => JSON.stringify(value) ?? 'absent';
const without = (claims: Record<string, unknown>, name: string): Record<string, unknown> =>
  Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name));

/** Abuse 3: algorithms that need no private key, or are none. */
export function* algorithms({ issuer, keys }: Armoury): Iterable<HostileToken> {
  const claims = encodePart(claimsFor(issuer, roles));
  const weak = [
    ...['none', 'None', 'NONE', 'nOnE', 'none ', '', null, 0, true, [], {}, ['RS256'], undefined],
    ...['HS256', 'HS384', 'HS512', 'hs256', 'RS1', 'RS256 ', ' RS256', 'rs256', 'RS256\u0000'],
    ...['ES256K', 'RSA-OAEP', 'RSA1_5', 'dir', 'A128KW', 'PBES2-HS256+A128KW', 'ML-DSA-44'],
    ...['__proto__', 'constructor', 'toString', 'HS256,RS256', 'unsecured'],
  ];
  for (const key of keys.filter(({ alg }) => ['RS256', 'ES256', 'EdDSA'].includes(alg))) {
    const good = signToken(key, claimsFor(issuer, roles)).split('.')[2]!;
    for (const alg of weak) {
      const input = `${encodePart({ alg, kid: key.kid })}.${claims}`;
      yield [`alg ${show(alg)} without a signature`, `${input}.`];
      yield [`alg ${show(alg)} with the signature of another token`, `${input}.${good}`];
      const real = signatureOf(key.alg, key.privateKey, input).toString('base64url');
      yield [`alg ${show(alg)} signed by the very key of ${key.kid}`, `${input}.${real}`];
    }
    for (const bits of [256, 384, 512]) {
      const input = `${encodePart({ alg: `HS${bits}`, kid: key.kid, typ: 'JWT' })}.${claims}`;
      for (const [name, secret] of publicSecrets(key.publicKey)) {
        const mac = createHmac(`sha${bits}`, secret).update(input).digest('base64url');
        yield [`HS${bits} by the ${name} of ${key.kid}`, `${input}.${mac}`];
      }
    }
  }
}

/** What everybody knows of a key, taken for a shared secret (RS/HS confusion). */
function publicSecrets(key: KeyObject): [string, string | Buffer][] {
  const jwk = key.export({ format: 'jwk' });
  const pem = key.export({ format: 'pem', type: 'spki' }) as string;
  return [
    ['PEM', pem],
    ['PEM without its last line break', pem.trimEnd()],
    ['DER', key.export({ format: 'der', type: 'spki' }) as Buffer],
    ['JWK', JSON.stringify(jwk)],
    ['first number', Buffer.from(String(jwk['n'] ?? jwk['x']), 'base64url')],
    ['empty text', ''],
  ];
}

/** The key of one algorithm under the name of another, and keys that the issuer does not have. */
export function* confusedKeys({ issuer, keys, own }: Armoury): Iterable<HostileToken> {
  const claims = claimsFor(issuer, roles);
  for (const key of keys) {
    for (const other of keys) {
      if (other === key) continue;
      const header = { alg: key.alg, kid: key.kid };
      const input = `${encodePart(header)}.${encodePart(claims)}`;
      const made = signatureOf(other.alg, other.privateKey, input).toString('base64url');
      yield [`${key.kid} signed by ${other.kid}`, `${input}.${made}`];
      const renamed = signToken(key, claims, { kid: other.kid });
      yield [`${key.alg} under the kid ${other.kid}`, renamed];
    }
  }
  for (const key of own) {
    const known = keys.find(({ alg }) => alg === key.alg);
    yield [`${key.alg} by a key of the attacker's`, signToken(key, claims)];
    yield [
      `${key.alg} by the attacker's key under a known kid`,
      signToken(key, claims, { kid: known?.kid }),
    ];
    yield [
      `${key.alg} by the attacker's key without kid`,
      signToken(key, claims, { kid: undefined }),
    ];
  }
}

/** Abuse 4: members by which a token brings its own key or its own rules, and names that are none. */
export function* headers({ issuer, keys, own, trap }: Armoury): Iterable<HostileToken> {
  const claims = claimsFor(issuer, roles);
  for (const mine of own) {
    const known = keys.find(({ alg }) => alg === mine.alg)!;
    const jwk = { ...mine.publicKey.export({ format: 'jwk' }), kid: mine.kid, alg: mine.alg };
    const certificate = (mine.publicKey.export({ format: 'der', type: 'spki' }) as Buffer).toString(
      'base64',
    );
    const bringing = [
      ...[{ jwk }, { jwk, kid: known.kid }, { jwk: null }, { jwk: {} }],
      ...[{ jku: `${trap}/jwks` }, { jku: issuer.jwksUrl }, { jku: `${issuer.url}@${trap}` }],
      ...[{ jku: 'file:///etc/passwd' }, { jku: null }, { x5u: `${trap}/chain.pem` }, { x5u: '' }],
      ...[{ x5c: [certificate] }, { x5c: [] }, { crit: ['exp'] }, { crit: ['b64'], b64: false }],
      ...[{ crit: ['b64'], b64: true }, { crit: [] }, { crit: null }, { crit: 'alg' }],
      ...[{ crit: ['http://example.com/x'], 'http://example.com/x': true }, { b64: false }],
      ...[{ zip: 'DEF' }, { enc: 'A256GCM' }, { epk: jwk }, { cty: 'JWT' }],
    ];
    for (const member of bringing) {
      const name = Object.entries(member)
        .map(([key, value]) => `${key} ${show(value).slice(0, 40)}`)
        .join(', ');
      yield [`${mine.alg}, ${name}, by the attacker's key`, signToken(mine, claims, member)];
      yield [`${known.alg}, ${name}, by the issuer's key`, signToken(known, claims, member)];
    }
  }
  const [mine] = own;
  const kids = [
    ...['../../../../../../dev/null', '/dev/null', 'file:///etc/passwd', `${trap}/jwks`, '|ls', ''],
    ...["' OR '1'='1", "x' UNION SELECT 'aGFja2Vk' --", '; DROP TABLE platform.api_keys; --', '*'],
    ...[
      '\u0000',
      'first\u0000',
      '__proto__',
      'constructor',
      'x'.repeat(4_000),
      '💥',
      '%00',
      '$(id)',
    ],
    ...[null, 1, true, [], {}, [keys[0]!.kid], { kid: keys[0]!.kid }],
  ];
  for (const kid of kids) {
    yield [`kid ${show(kid).slice(0, 40)}`, signToken(mine!, claims, { kid })];
    yield [
      `kid ${show(kid).slice(0, 40)}, by the issuer's key`,
      signToken(keys[0]!, claims, { kid }),
    ];
  }
  const types = [
    'logout+jwt',
    'secevent+jwt',
    'dpop+jwt',
    'JOSE',
    'JWE',
    'jwt ',
    '',
    1,
    null,
    [],
    {},
  ];
  for (const typ of types) yield [`typ ${show(typ)}`, signToken(keys[0]!, claims, { typ })];
}

/** Abuse 5: signed by the issuer itself, for somebody else, another time or nobody. */
export function* claims({ issuer, keys }: Armoury): Iterable<HostileToken> {
  const [key] = keys;
  const good = claimsFor(issuer, roles);
  const now = Number(good['iat']);
  const url = issuer.url;
  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    iss: [
      ...[undefined, null, '', 'https://evil.example', `${url}/`, url.toUpperCase(), ` ${url}`],
      ...[`${url}.evil.example`, `${url}#`, [url], { url }, 1, true, url.replace('http', 'https')],
    ],
    aud: [
      ...[
        undefined,
        null,
        '',
        'other',
        'velocit',
        'velocity2',
        'VELOCITY',
        ' velocity',
        'velocity ',
      ],
      ...[[], ['other'], ['velocity '], [['velocity']], { velocity: true }, 1, true, [null], 'v*'],
    ],
    exp: [
      ...[undefined, null, '', 'never', String(now + 600), true, [], {}, [now + 600], { n: now }],
      ...[
        0,
        -1,
        1,
        now - 3_600,
        now - 11,
        -now,
        now + 3_601 + 11,
        (now + 600) * 1_000,
        8.7e12,
        1e300,
      ],
    ],
    nbf: [now + 60, now + 1e9, '0', String(now), null, true, [], {}, [now], 1e300],
    iat: [
      undefined,
      now + 60,
      now + 1e9,
      '0',
      String(now),
      null,
      true,
      [],
      {},
      now - 4_000,
      -1e300,
    ],
    sub: [
      ...[
        undefined,
        null,
        '',
        [],
        {},
        ['ada', 'bob'],
        [['ada']],
        { name: 'ada' },
        true,
        1.5,
        2 ** 60,
      ],
      ...[
        'a\nb',
        'a\u0000',
        'ada\u200b',
        '\u202eada',
        'x'.repeat(257),
        'platform-admin',
        '\ufeffada',
      ],
    ],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      yield [`${name} ${show(value).slice(0, 40)}`, signToken(key!, { ...good, [name]: value })];
    }
  }
  // Numbers that JSON.stringify would not write.
  for (const number of ['1e999', '-1e999', '9'.repeat(400)]) {
    for (const name of ['exp', 'nbf', 'iat']) {
      const text = JSON.stringify(without(good, name)).replace(/}$/, `,"${name}":${number}}`);
      if (name === 'nbf' && number.startsWith('-')) continue;
      yield [`${name} ${number.slice(0, 10)}`, signToken(key!, text)];
    }
  }
  yield [
    'an issuer and an audience that are merely inherited',
    signToken(key!, {
      ...{ exp: now + 600, iat: now, sub: 'ada' },
      ['__proto__']: { iss: url, aud: 'velocity' },
    }),
  ];
  const many = Array.from({ length: 600 }, (_, i) => `r${i}`);
  yield ['more roles than are looked at', signToken(key!, { ...good, roles: many })];
}

/** The good token, written as it must not be. */
export function* encodings({ issuer, keys }: Armoury): Iterable<HostileToken> {
  const good = claimsFor(issuer, roles);
  for (const key of keys) {
    const token = signToken(key, good);
    const [header = '', payload = '', signature = ''] = token.split('.');
    const bytes = Buffer.from(signature, 'base64url');
    const { alg } = key;
    yield [`${alg}, no signature`, `${header}.${payload}.`];
    yield [
      `${alg}, signature cut`,
      `${header}.${payload}.${bytes.subarray(1).toString('base64url')}`,
    ];
    const longer = Buffer.concat([bytes, Buffer.from([0])]).toString('base64url');
    yield [`${alg}, signature lengthened`, `${header}.${payload}.${longer}`];
    yield [
      `${alg}, zeros`,
      `${header}.${payload}.${Buffer.alloc(bytes.length).toString('base64url')}`,
    ];
    yield [
      `${alg}, ones`,
      `${header}.${payload}.${Buffer.alloc(bytes.length, 255).toString('base64url')}`,
    ];
    const reversed = Buffer.from(bytes).reverse().toString('base64url');
    yield [`${alg}, reversed`, `${header}.${payload}.${reversed}`];
    for (const bit of [0, 7, 63, bytes.length * 4, bytes.length * 8 - 1]) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      yield [`${alg}, bit ${bit} flipped`, `${header}.${payload}.${flipped.toString('base64url')}`];
    }
    const other = encodePart({ ...good, sub: 'somebody' });
    yield [`${alg}, other claims`, `${header}.${other}.${signature}`];
    const typed = encodePart({ alg, kid: key.kid, typ: 'JWT' });
    yield [`${alg}, other header`, `${typed}.${payload}.${signature}`];
    yield [`${alg}, padded`, `${header}.${payload}.${signature}=`];
    const spare = otherSpelling(signature, bytes);
    if (spare !== undefined) yield [`${alg}, spare bits set`, `${header}.${payload}.${spare}`];
  }
  const [key] = keys;
  const token = signToken(key!, good);
  const [header = '', payload = '', signature = ''] = token.split('.');
  const shapes = [
    ...['.', '..', '...', 'a.b.c', 'eyJ.eyJ.', `${header}.${payload}`, `${payload}.${signature}`],
    ...[`${token}.`, `.${token}`, `${token}.${signature}`, `${header}..${signature}`, `${header}.`],
    ...[`${header}.${payload}.${signature}.${signature}.${signature}`, `..${signature}`],
    ...[
      `${signature}.${payload}.${header}`,
      `${header}.${header}.${signature}`,
      token.toLowerCase(),
    ],
    ...[`${header}=.${payload}.${signature}`, `${header}.${payload}=.${signature}`],
    ...[token.replaceAll('.', '%2E'), token.replaceAll('.', ','), encodeURIComponent(`${token}/`)],
    JSON.stringify({ protected: header, payload, signature }),
    ...[`"${token}"`, `${token}\u00a0`, `${header}.${payload}.${signature.slice(0, 10)}.`],
    `${header}.${payload}.${'A'.repeat(12_000)}`,
  ];
  for (const shape of shapes) yield [`shape ${shape.slice(0, 24)}…`, shape];
  const notObjects = [
    '',
    'null',
    '1',
    '"x"',
    '[]',
    '{',
    '{}}',
    '{"alg":"ES256"',
    '\ufeff{}',
    "{'a':1}",
  ];
  for (const text of notObjects) {
    const input = `${header}.${encodePart(text)}`;
    const made = signatureOf(key!.alg, key!.privateKey, input).toString('base64url');
    yield [`claims ${show(text)}`, `${input}.${made}`];
    const named = `${encodePart(text)}.${payload}`;
    const also = signatureOf(key!.alg, key!.privateKey, named).toString('base64url');
    yield [`header ${show(text)}`, `${named}.${also}`];
  }
  const broken = Buffer.from(`{"iss":"\xff\xfe","sub":"ada"}`, 'latin1').toString('base64url');
  const input = `${header}.${broken}`;
  yield [
    'claims that are not UTF-8',
    `${input}.${signatureOf(key!.alg, key!.privateKey, input).toString('base64url')}`,
  ];
}

/** The same bytes with a last character that differs in bits which nobody reads. */
function otherSpelling(text: string, bytes: Buffer): string | undefined {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  for (const last of alphabet) {
    const spelled = `${text.slice(0, -1)}${last}`;
    if (spelled !== text && Buffer.from(spelled, 'base64url').equals(bytes)) return spelled;
  }
  return undefined;
}
