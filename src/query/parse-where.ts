import type { Problem } from '../errors.ts';
import type { Condition } from './condition.ts';
import { operators } from './condition.ts';
import { isOperator } from './parse-filter-params.ts';
import { joinPointer } from './pointer.ts';

/** Groups within groups, the root's being the first. Deeper ones nobody could check by reading. */
const levelsMax = 10;
/** Each condition costs planning time, even those that match nothing. */
const conditionsMax = 100;
/** Groups count apart: empty ones would let a tree of any size pass as no condition at all. */
const groupsMax = 100;

/** No list of members can be longer without breaking one of the bounds above. */
const groupSizeMax = conditionsMax + groupsMax;

const groupMembers = ['and', 'or', 'not'] as const;
const leafMembers = ['field', 'op', 'value'];

interface Walk {
  readonly problems: Problem[];
  groups: number;
  leaves: number;
}

/** The `where` of a query body as a condition; what is wrong with it is added to `problems`. */
export function parseWhere(
  value: unknown,
  pointer: string,
  problems: Problem[],
): Condition | undefined {
  const walk = { problems, groups: 0, leaves: 0 };
  const condition = parseNode({ value, pointer, level: 1 }, walk);
  refuseTooMany(walk.leaves, pointer, problems);
  return condition;
}

/** Refuses more conditions than one query may hold. */
export function refuseTooMany(count: number, pointer: string, problems: Problem[]): void {
  if (count <= conditionsMax) return;
  problems.push({
    pointer,
    rule: 'maxItems',
    message: `a query may hold at most ${conditionsMax} conditions`,
    hint: 'One "in" takes the place of many "eq".',
  });
}

function parseNode(
  node: { readonly value: unknown; readonly pointer: string; readonly level: number },
  walk: Walk,
): Condition | undefined {
  const { value, pointer, level } = node;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse(walk, pointer, 'type', 'must be {field, op, value}, {and}, {or} or {not}');
  }
  const group = groupMembers.find((member) => Object.hasOwn(value, member));
  if (group === undefined) return parseLeaf(value as Record<string, unknown>, pointer, walk);

  if (level > levelsMax) {
    return refuse(walk, pointer, 'depth', `groups nest deeper than ${levelsMax} levels`);
  }
  const inner = (value as Record<string, unknown>)[group];
  const at = joinPointer(pointer, group);
  refuseOthers(value, [group], pointer, walk);
  walk.groups += 1;
  if (walk.groups > groupsMax) {
    // Said once: past the bound nothing more is looked at.
    return walk.groups > groupsMax + 1
      ? undefined
      : refuse(walk, pointer, 'maxItems', `a query may hold at most ${groupsMax} groups`);
  }
  if (group === 'not') {
    const negated = parseNode({ value: inner, pointer: at, level: level + 1 }, walk);
    return negated === undefined ? undefined : { not: negated };
  }
  if (!Array.isArray(inner)) return refuse(walk, at, 'type', 'must be a list of conditions');
  const members = inner
    .slice(0, groupSizeMax)
    .map((member: unknown, index) =>
      parseNode({ value: member, pointer: joinPointer(at, index), level: level + 1 }, walk),
    )
    .filter((member) => member !== undefined);
  if (inner.length > groupSizeMax) {
    return refuse(walk, at, 'maxItems', `a query may hold at most ${conditionsMax} conditions`);
  }
  return group === 'and' ? { and: members } : { or: members };
}

function parseLeaf(
  value: Readonly<Record<string, unknown>>,
  pointer: string,
  walk: Walk,
): Condition | undefined {
  walk.leaves += 1;
  // The whole is refused anyway; hundreds of other problems would only drown that one.
  if (walk.leaves > conditionsMax) return undefined;
  refuseOthers(value, leafMembers, pointer, walk);
  const { field, op } = value as { field?: unknown; op?: unknown };
  if (typeof field !== 'string' || field === '') {
    return refuse(walk, joinPointer(pointer, 'field'), 'type', 'must be the name of a field');
  }
  if (!isOperator(op)) {
    return refuse(
      walk,
      joinPointer(pointer, 'op'),
      'enum',
      `must be one of ${operators.join(', ')}`,
    );
  }
  return Object.hasOwn(value, 'value')
    ? { field, op, value: value['value'], pointer }
    : { field, op, pointer };
}

function refuseOthers(value: object, known: readonly string[], pointer: string, walk: Walk): void {
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue;
    refuse(walk, joinPointer(pointer, name), 'unknown', `"${name}" is unknown here`);
  }
}

function refuse(walk: Walk, pointer: string, rule: string, message: string): undefined {
  walk.problems.push({ pointer, rule, message });
  return undefined;
}
