import { migrateTrigger, nextPrefix } from './plan-step.ts';

/** One thing that the catalogue says of a table, in Postgres's own words. */
export interface ShapePart {
  /** `column`, `index`, `history column` … */
  readonly kind: string;
  readonly name: string;
  readonly definition: string;
}

/** One thing that is not as the active revision has it. */
export interface DriftItem {
  readonly kind: string;
  readonly name: string;
  readonly difference: 'missing' | 'unexpected' | 'changed';
  /** What the active revision has. */
  readonly expected?: string;
  /** What is there. */
  readonly actual?: string;
  /** Of a column too many: whether some record has a value in it. */
  readonly filled?: boolean;
}

/** What other schemas, and not the spec, decide about a table. */
export interface ShapeContext {
  /** Whether some schema refers to it: then deletes of its records are watched. */
  readonly referred: boolean;
  /** Roles of other domains whose schemas refer to it, or did: they may read it. */
  readonly readers: ReadonlySet<string>;
  /** Those of them whose schemas refer to it now. */
  readonly needed: ReadonlySet<string>;
}

/** The trigger that follows deletes to the records that refer to them. */
export const propagateTrigger = 'velocity_propagate_delete';

/** Made and dropped by a change, or by who consumes the outbox, while the revision stays the same. */
const transient = [nextPrefix, migrateTrigger, 'velocity_outbox'];

/**
 * How a table differs from what its active revision says, in the order of kinds and names. What a
 * running change has prepared and what earlier revisions left in history is no difference.
 */
export function compareShapes(
  expected: readonly ShapePart[],
  actual: readonly ShapePart[],
  context: ShapeContext,
): DriftItem[] {
  if (actual.length === 0) {
    const table = expected.find(({ kind }) => kind === 'table');
    return [{ kind: 'table', name: '', difference: 'missing', expected: table?.definition ?? '' }];
  }
  const wanted = byKey([...expected, ...neededRights(context)]);
  const found = byKey(actual);
  const items: DriftItem[] = [];
  for (const [key, { kind, name, definition }] of wanted) {
    const there = found.get(key);
    const optional = name === propagateTrigger && !context.referred;
    if (there === undefined) {
      if (!optional) items.push({ kind, name, difference: 'missing', expected: definition });
    } else if (there.definition !== definition) {
      const told = { expected: definition, actual: there.definition };
      items.push({ kind, name, difference: 'changed', ...told });
    }
  }
  for (const [key, part] of found) {
    if (wanted.has(key) || isTolerated(part, context)) continue;
    const { kind, name, definition } = part;
    items.push({ kind, name, difference: 'unexpected', actual: definition });
  }
  return items.sort((a, b) => compareText(keyOf(a), keyOf(b)));
}

function isTolerated({ kind, name, definition }: ShapePart, { readers }: ShapeContext): boolean {
  if (transient.some((prefix) => name.startsWith(prefix))) return true;
  // The past of fields that were dropped, or had another type.
  if (kind === 'history column' && name.startsWith('_')) return true;
  return kind === 'right' && definition === 'SELECT' && readers.has(name);
}

function neededRights({ needed }: ShapeContext): ShapePart[] {
  return [...needed].map((name) => ({ kind: 'right', name, definition: 'SELECT' }));
}

function byKey(parts: readonly ShapePart[]): Map<string, ShapePart> {
  return new Map(parts.map((part) => [keyOf(part), part]));
}

function keyOf({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return `${kind}\n${name}`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** One sentence for a person: what is wrong and, where it matters, what it means. */
export function describeDrift(item: DriftItem): string {
  const { kind, name, difference, expected, actual } = item;
  const subject = name === '' ? `the ${kind}` : `${kind} ${name}`;
  if (difference === 'missing') return `${subject} is missing${consequence(item)}`;
  if (difference === 'unexpected') return `${subject} is not in the schema${consequence(item)}`;
  const disabled = actual?.endsWith('disabled)') === true && !expected?.endsWith('disabled)');
  if (disabled) return `${subject} is disabled${consequence(item)}`;
  if (actual === `${expected} (invalid)`) return `${subject} is not valid: it was never finished`;
  if (actual === `${expected} NOT VALID`) return `${subject} has never been validated`;
  return `${subject} is not as it was made${consequence(item)}`;
}

function consequence({ kind, name, difference }: DriftItem): string {
  if (kind === 'trigger' && name.startsWith('velocity_history') && difference !== 'unexpected') {
    return ': writes leave no history and no audit';
  }
  if (kind === 'policy' || (kind === 'table' && difference === 'changed')) {
    return ': check who may see and own the records';
  }
  if (kind === 'rule') return ': writes may do something else than they say';
  return '';
}
