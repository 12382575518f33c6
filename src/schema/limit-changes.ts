import type { Field } from '../contract/kinds.ts';

interface LimitChanges {
  readonly looser: readonly string[];
  readonly tighter: readonly string[];
}

/** What a field takes more and less than before, in so far as the database keeps it. */
export function limitChanges(field: Field, prior: Field): LimitChanges {
  const looser: string[] = [];
  const tighter: string[] = [];
  const compare = (name: 'min' | 'max' | 'maxLength', sign: 1 | -1): void => {
    const [before, after] = [prior[name], field[name]];
    if (before === after) return;
    const open = after === undefined || (before !== undefined && sign * after > sign * before);
    (open ? looser : tighter).push(`${name} from ${show(before)} to ${show(after)}`);
  };
  compare('min', -1);
  compare('max', 1);
  compare('maxLength', 1);
  const [before, after] = [valuesOf(prior), valuesOf(field)];
  const added = after?.filter((value) => before?.includes(value) === false) ?? [];
  const removed = before?.filter((value) => after?.includes(value) === false) ?? [];
  if (before !== undefined && after === undefined) looser.push('to any text');
  if (before === undefined && after !== undefined) tighter.push(`to ${after.join(', ')} alone`);
  if (added.length > 0) looser.push(`by the values ${added.join(', ')}`);
  if (removed.length > 0) tighter.push(`by leaving out the values ${removed.join(', ')}`);
  return { looser, tighter };
}

/**
 * Patterns are kept by the API alone, for writes from now on. Where two differ nobody can say which of
 * them takes less, so the new one counts as narrower.
 */
export function patternChange(field: Field, prior: Field): LimitChanges {
  if (prior.pattern === field.pattern) return { looser: [], tighter: [] };
  if (field.pattern === undefined) {
    return { looser: [`by any text, not only ${show(prior.pattern)}`], tighter: [] };
  }
  return { looser: [], tighter: [`to ${show(field.pattern)}, for writes from now on`] };
}

function valuesOf(field: Field): readonly string[] | undefined {
  return field.type === 'enum' ? (field.enumValues ?? []) : undefined;
}

export function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
