import type { Resource } from '../../contract/kinds.ts';
import type { Finding } from './finding.ts';
import { at, refuse } from './finding.ts';

/** Free-form members can hold what neither JSON nor Postgres can: NUL, half characters, .nan. */
export function* storableValues({ metadata, spec }: Resource): Iterable<Finding> {
  yield* walk(metadata, at('metadata'));
  yield* walk(spec, at('spec'));
}

function* walk(value: unknown, pointer: string): Iterable<Finding> {
  if (typeof value === 'string') yield* storableText(value, pointer);
  else if (typeof value === 'number') {
    if (Number.isFinite(value)) return;
    const message = `${value} is not a number that JSON can hold.`;
    yield refuse(pointer, 'characters', message, 'Give a finite number.');
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      yield* storableText(key, pointer);
      yield* walk(item, `${pointer}${at(key)}`);
    }
  }
}

function* storableText(text: string, pointer: string): Iterable<Finding> {
  if (!text.includes('\0') && text.isWellFormed()) return;
  const message = `${JSON.stringify(text)} holds a NUL or half a surrogate pair.`;
  yield refuse(pointer, 'characters', message, 'Remove the character.');
}
