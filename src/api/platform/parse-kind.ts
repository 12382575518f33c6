import type { Kind } from '../../contract/kinds.ts';
import { kinds } from '../../contract/kinds.ts';
import { VelocityError } from '../../errors.ts';

const byWord: ReadonlyMap<string, Kind> = new Map(
  kinds.flatMap(({ kind, singular, plural, shortNames }) =>
    [kind.toLowerCase(), singular, plural, ...shortNames].map((word): [string, Kind] => [
      word,
      kind,
    ]),
  ),
);

/** A kind by its name, singular, plural or short name, in any case. */
export function parseKind(word: string): Kind {
  const kind = byWord.get(word.toLowerCase());
  if (kind !== undefined) return kind;
  throw new VelocityError(
    'ENTITY_NOT_FOUND',
    `${JSON.stringify(word)} is not a kind of resource.`,
    {
      hint: `Known: ${kinds.map(({ singular }) => singular).join(', ')}.`,
    },
  );
}
