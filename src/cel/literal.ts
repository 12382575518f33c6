import type { CelType } from './cel-type.ts';

type Found = { type: CelType; value: unknown } | { problem: string; hint: string };

/** A constant of the parser as a value of ours. */
export function literalOf(constant: {
  readonly case?: string | undefined;
  readonly value?: unknown;
}): Found {
  const { value } = constant;
  switch (constant.case) {
    case 'boolValue':
      return { type: 'bool', value };
    case 'int64Value': {
      const int = value as bigint;
      if (BigInt.asIntN(64, int) === int) return { type: 'int', value: int };
      return { problem: `${int} is no 64-bit integer.`, hint: 'Write it as decimal("…").' };
    }
    case 'doubleValue':
      if (Number.isFinite(value)) return { type: 'double', value };
      return { problem: 'A number is too large for a double.', hint: 'Write it as decimal("…").' };
    case 'stringValue':
      if (isText(value as string)) return { type: 'string', value };
      return { problem: 'A text holds a character that no text can.', hint: 'Leave out NUL.' };
    case 'nullValue':
      return { type: 'null', value: null };
    case 'uint64Value':
      return { problem: 'Unsigned integers are not known.', hint: 'Leave out the u.' };
    default:
      return { problem: 'Bytes are not known.', hint: 'Write a text: leave out the b.' };
  }
}

/** What Postgres keeps: no NUL, no half of a pair. */
function isText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}
