/** What one pass over the bytes tells before anything is parsed. */
export interface JsonScan {
  readonly depth: number;
  /** Colons outside strings: the members of all objects, if the text is JSON at all. */
  readonly members: number;
  /** A number with an exponent or more digits than a double is sure to keep. */
  readonly longNumbers: boolean;
  readonly escapes: boolean;
}

const quote = 0x22;
const backslash = 0x5c;
/** Fifteen significant digits always survive a double; a sixteenth character may be the point. */
const safeDigits = 15;

/**
 * One pass over the bytes of a JSON text, 1 ns a byte: bounds the depth before the parser sees it
 * and says which of the slower checks the text needs. It need not be valid JSON.
 */
export function scanJson(bytes: Uint8Array): JsonScan {
  let depth = 0;
  let deepest = 0;
  let members = 0;
  let digits = 0;
  let longNumbers = false;
  let escapes = false;
  const end = bytes.length;
  for (let at = 0; at < end; at++) {
    const byte = bytes[at];
    if (byte === quote) {
      for (at++; at < end && bytes[at] !== quote; at++) {
        if (bytes[at] === backslash) {
          escapes = true;
          at++;
        }
      }
      digits = 0;
      continue;
    }
    switch (byte) {
      case 0x7b: // {
      case 0x5b: // [
        depth++;
        if (depth > deepest) deepest = depth;
        digits = 0;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth--;
        digits = 0;
        break;
      case 0x3a: // :
        members++;
        digits = 0;
        break;
      case 0x45: // E
      case 0x65: // e, which `true` and `false` have too, but after a letter
        if (digits > 0) longNumbers = true;
        break;
      default:
        if (byte === 0x2e || (byte !== undefined && byte >= 0x30 && byte <= 0x39)) {
          digits++;
          if (digits > safeDigits) longNumbers = true;
        } else {
          digits = 0;
        }
    }
  }
  return { depth: deepest, members, longNumbers, escapes };
}
