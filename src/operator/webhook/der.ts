/**
 * Writes DER (ITU-T X.690), as much of it as a certificate is made of. Every function answers one
 * complete value: tag, length, content.
 */
export type Der = Buffer;

export function sequence(...parts: readonly Der[]): Der {
  return tagged(0x30, Buffer.concat(parts));
}

export function set(...parts: readonly Der[]): Der {
  return tagged(0x31, Buffer.concat(parts));
}

/** A non-negative integer, big-endian; a leading zero keeps it from being read as negative. */
export function integer(bytes: Buffer): Der {
  let first = 0;
  while (first < bytes.length - 1 && bytes[first] === 0) first += 1;
  const significant = bytes.subarray(first);
  const negative = (significant[0] ?? 0) >= 0x80;
  return tagged(0x02, negative ? Buffer.concat([Buffer.of(0), significant]) : significant);
}

export function boolean(value: boolean): Der {
  return tagged(0x01, Buffer.of(value ? 0xff : 0));
}

/** `1.2.840.10045.4.3.2` */
export function objectIdentifier(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return tagged(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

export function octetString(content: Buffer): Der {
  return tagged(0x04, content);
}

/** `unusedBits`: how many of the last byte's low bits do not count. */
export function bitString(content: Buffer, unusedBits = 0): Der {
  return tagged(0x03, Buffer.concat([Buffer.of(unusedBits), content]));
}

export function utf8String(text: string): Der {
  return tagged(0x0c, Buffer.from(text, 'utf8'));
}

/** UTCTime until 2049 and GeneralizedTime from then on, as RFC 5280 4.1.2.5 wants it. */
export function time(instant: Date): Der {
  const digits = instant.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return instant.getUTCFullYear() < 2050
    ? tagged(0x17, Buffer.from(digits.slice(2), 'ascii'))
    : tagged(0x18, Buffer.from(digits, 'ascii'));
}

/** `[number] EXPLICIT`: the value within a tag of its context. */
export function explicit(number: number, content: Der): Der {
  return tagged(0xa0 + number, content);
}

/** `[number] IMPLICIT` of a primitive type: the content under another tag. */
export function implicit(number: number, content: Buffer): Der {
  return tagged(0x80 + number, content);
}

function tagged(tag: number, content: Buffer): Der {
  return Buffer.concat([Buffer.of(tag), length(content.length), content]);
}

function length(count: number): Buffer {
  if (count < 0x80) return Buffer.of(count);
  const bytes: number[] = [];
  for (let rest = count; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.of(0x80 + bytes.length, ...bytes);
}

function base128(value: number): number[] {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.unshift((rest % 128) + 0x80);
  }
  return bytes;
}
