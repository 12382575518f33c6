import type { Field, Operation } from '../../../src/contract/kinds.ts';
import type { Condition, FieldCondition } from '../../../src/query/condition.ts';
import type { Random } from './random.ts';
import { anchor, operatorsOf, pools, randomOperand, randomValues } from './random-world.ts';
import { knownFields } from './reference.ts';
import type { AccessRequest, Caller, KnownRecord, Sorting, Values, World } from './world.ts';
import { fieldOf, stateOf } from './world.ts';

/** Such as nothing has. */
const absent = 'absent_of';
const nowhere = '01990000-0000-7000-8000-00000000dead';
const operationOf: Readonly<Record<AccessRequest['kind'], Operation>> = {
  ...{ get: 'read', list: 'read', query: 'read', groups: 'read', history: 'history' },
  ...{ create: 'create', patch: 'update', put: 'update', delete: 'delete' },
};

const ofOne = ['get', 'get', 'history', 'patch', 'patch', 'put', 'delete'] as const;
const ofMany = ['list', 'list', 'query', 'query', 'groups'] as const;

/** Three endpoints: one of a record, one of many, and any. */
export function randomRequests(random: Random, world: World, caller: Caller): AccessRequest[] {
  const any = random.pick([...ofOne, ...ofMany, 'create', 'create'] as const);
  return [random.pick(ofOne), random.pick(ofMany), any].map((kind) =>
    randomRequest(random, world, caller, kind),
  );
}

export function randomRequest(
  random: Random,
  world: World,
  caller: Caller,
  kind: AccessRequest['kind'],
): AccessRequest {
  const known = knownFields(world, caller, operationOf[kind]);
  // Mostly what the caller knows, so that something is answered; else whatever there is, or is not.
  const name = (): string => {
    const all = [...world.spec.fields.map((field) => field.name), absent];
    return random.pick(known.length > 0 && random.chance(0.85) ? known : all);
  };
  switch (kind) {
    case 'get': {
      const { id } = anyRecord(random, world);
      return { kind, id, ...(random.chance(0.3) && { select: names(random, name) }) };
    }
    case 'history':
      return { kind, id: anyRecord(random, world).id };
    case 'list':
      return {
        kind,
        where: distinct(random.times(0, 2, () => randomTest(random, world, name()))),
        sort: randomSort(random, name),
        ...(random.chance(0.3) && { select: names(random, name) }),
      };
    case 'query':
      return {
        kind,
        where: random.chance(0.8) ? [randomTree(random, world, name, 2)] : [],
        sort: randomSort(random, name),
        ...(random.chance(0.3) && { select: names(random, name) }),
      };
    case 'groups':
      return {
        kind,
        where: random.chance(0.4) ? [randomTest(random, world, name())] : [],
        by: [...new Set(random.times(0, 2, name))].filter((field) => field !== 'tags_of'),
        aggregates: [{ fn: 'count', as: 'n' }, ...randomAggregates(random, world, name)],
      };
    case 'create': {
      const body = randomValues(random, world.spec.fields, world.records.length + 1_000);
      return { kind, body: chosen(random, body, name) };
    }
    case 'patch':
    case 'put': {
      const record = anyRecord(random, world);
      const version = record.states.at(-1)?.version ?? 1;
      const fresh = randomValues(random, world.spec.fields, world.records.length + 2_000);
      return {
        ...{ kind, id: record.id },
        body: {
          version: random.chance(0.9) ? version : version + 1,
          ...(kind === 'put' || random.chance(0.2)
            ? chosen(random, fresh, name)
            : valuesOf(random, names(random, name))),
        },
      };
    }
    case 'delete':
      return { kind, id: anyRecord(random, world).id };
  }
}

/** The record's value that must be there, and some more. */
function chosen(random: Random, values: Values, name: () => string): Values {
  const more = names(random, name).map((one) => [one, values[one] ?? valueFor(random, one)]);
  return { [anchor]: values[anchor], ...Object.fromEntries(more) };
}

function valuesOf(random: Random, of: readonly string[]): Values {
  return Object.fromEntries(of.map((name) => [name, valueFor(random, name)]));
}

function valueFor(random: Random, name: string): unknown {
  return random.pick(pools[name] ?? ['code-x']);
}

function names(random: Random, name: () => string): string[] {
  return [...new Set(random.times(1, 3, name))];
}

function anyRecord(random: Random, world: World): KnownRecord {
  if (random.chance(0.03)) {
    return { id: nowhere, states: [] };
  }
  const live = world.records.filter((record) => stateOf(record).operation !== 'delete');
  return random.pick(live.length > 0 && random.chance(0.95) ? live : world.records);
}

/** A parameter stands once in an address. */
function distinct(tests: readonly FieldCondition[]): FieldCondition[] {
  return [...new Map(tests.map((test) => [`${test.field} ${test.op}`, test])).values()];
}

function randomTest(random: Random, world: World, name: string): FieldCondition {
  const field: Field = fieldOf(world.spec, name) ?? { name, type: 'string' };
  const op = random.pick(operatorsOf[field.type] ?? []);
  if (op === 'is_null' || op === 'is_not_null') return { field: name, op };
  return { field: name, op, value: randomOperand(random, field, op) };
}

function randomTree(random: Random, world: World, name: () => string, depth: number): Condition {
  if (depth === 0 || random.chance(0.4)) return randomTest(random, world, name());
  const inner = (): Condition => randomTree(random, world, name, depth - 1);
  return random.pick<() => Condition>([
    () => ({ and: random.times(1, 3, inner) }),
    () => ({ or: random.times(1, 3, inner) }),
    () => ({ not: inner() }),
  ])();
}

function randomSort(random: Random, name: () => string): Sorting[] {
  return [...new Set(random.times(0, 2, name))].map((field) => ({
    field,
    direction: random.pick(['asc', 'desc']),
  }));
}

function randomAggregates(random: Random, world: World, name: () => string) {
  return random
    .times(0, 2, name)
    .filter((field) => !['flag_of', 'tags_of'].includes(field))
    .map((field, index) => {
      const numeric = fieldOf(world.spec, field)?.type === 'integer';
      const fn = random.pick(
        numeric ? (['min', 'max', 'sum'] as const) : (['min', 'max'] as const),
      );
      return { fn, field, as: `a${index}` };
    });
}
