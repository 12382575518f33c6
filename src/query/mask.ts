import type { FieldMask } from '../contract/kinds.ts';

/** Layer 6: the fields that a caller sees masked, by name. */
export type Masks = ReadonlyMap<string, FieldMask>;

export const noMasks: Masks = new Map();

/** Stands for what a mask hides. Always three: their number must not tell how long the value is. */
const hidden = '***';
/** Characters that `partial` leaves where the schema does not say. */
const keepLastDefault = 4;
/** Begins every hash, so that nobody takes one for a value; platform.mask_hash writes it. */
const hashForm = /^hmac-sha256:[0-9a-f]{64}$/;

/**
 * A column as its mask shows it, a JSON string; null stays null. Part of the statement, so that no
 * value that is masked ever leaves Postgres. `partial` shows nothing of a value shorter than twice
 * what it keeps: it would otherwise show most of a short one.
 */
export function maskColumn(mask: FieldMask, column: string): string {
  const value = `(${column})::text`;
  switch (mask.strategy) {
    case 'redact':
      return `case when ${column} is not null then '${hidden}'::text end`;
    case 'partial': {
      const kept = mask.keepLast ?? keepLastDefault;
      return `'${hidden}'::text || case when char_length(${value}) < ${2 * kept} then '' else right(${value}, ${kept}) end`;
    }
    case 'hash':
      return `platform.mask_hash(${value})`;
  }
}

/** Whether a value that somebody writes is what the mask shows: it was read, and is no value. */
export function isMaskText({ strategy }: FieldMask, value: unknown): boolean {
  if (typeof value !== 'string') return false;
  if (strategy === 'hash') return hashForm.test(value);
  return strategy === 'redact' ? value === hidden : value.startsWith(hidden);
}
