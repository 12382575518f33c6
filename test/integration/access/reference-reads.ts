import type { Condition } from '../../../src/query/condition.ts';
import { sorted } from '../query/reference.ts';
import type { ThingRow } from '../query/thing-table.ts';
import type { Expected } from './reference-answer.ts';
import { findLive, knownNames, refusedBefore, shown, unknownProblem } from './reference-answer.ts';
import { denies, judgedRecord } from './reference-policies.ts';
import type { RefusalCode, Rights } from './reference-rights.ts';
import {
  holds,
  isKnown,
  maskFor,
  refusal,
  rightsTo,
  sees,
  usableNames,
} from './reference-rights.ts';
import type { AccessRequest, Aggregation, Caller, KnownRecord, World } from './world.ts';
import { fieldOf, stateOf } from './world.ts';

export function answerGet(
  world: World,
  caller: Caller,
  { id, select }: Extract<AccessRequest, { kind: 'get' }>,
): Expected {
  const rights = rightsTo(world, caller, 'read');
  if ('codes' in rights) return rights;
  const codes = (select ?? []).map((name) => unknownProblem(world, rights, name));
  const refused = refusedBefore(world, rights, 'read', codes);
  if (refused !== undefined) return refused;
  const record = findLive(world, rights, id);
  if (record === undefined) return refusal('ENTITY_NOT_FOUND');
  const self = judgedRecord(record, stateOf(record));
  const uses = select ?? knownNames(world, rights);
  if (denies(world, rights, 'read', { self, uses })) return refusal('POLICY_DENIED');
  return { status: 200, data: shown(world, rights, record, stateOf(record), select) };
}

export function answerList(
  world: World,
  caller: Caller,
  { where, sort, select }: Extract<AccessRequest, { kind: 'list' | 'query' }>,
): Expected {
  const rights = rightsTo(world, caller, 'read');
  if ('codes' in rights) return rights;
  const filtered = where.flatMap(fieldsIn);
  const codes = [
    ...filtered.map((name) => filterProblem(world, rights, name)),
    ...sort.map(({ field }) => sortProblem(world, rights, field)),
    ...(select ?? []).map((name) => unknownProblem(world, rights, name)),
  ];
  const refused = refusedBefore(world, rights, 'read', codes);
  if (refused !== undefined) return refused;
  const uses = [
    ...(select ?? knownNames(world, rights)),
    ...filtered,
    ...sort.map(({ field }) => field),
  ];
  const found = visibleRows(world, rights, where, uses);
  const order = sorted(
    found,
    sort.map((key) => ({ ...key, pointer: '' })),
  );
  return {
    status: 200,
    data: order.map(({ id }) => {
      const record = world.records.find((one) => one.id === id) as KnownRecord;
      return shown(world, rights, record, stateOf(record), select);
    }),
    total: found.length,
  };
}

export function answerGroups(
  world: World,
  caller: Caller,
  { where, by, aggregates }: Extract<AccessRequest, { kind: 'groups' }>,
): Expected {
  const rights = rightsTo(world, caller, 'read');
  if ('codes' in rights) return rights;
  const asked = [...where.flatMap(fieldsIn), ...by];
  const gatheredFields = aggregates.flatMap(({ field }) => (field === undefined ? [] : [field]));
  const refused = refusedBefore(world, rights, 'read', [
    ...asked.map((name) => filterProblem(world, rights, name)),
    ...gatheredFields.map((name) => gatherProblem(world, rights, name)),
  ]);
  if (refused !== undefined) return refused;
  const groups = new Map<string, ThingRow[]>();
  const rows = sorted(
    visibleRows(world, rights, where, [...asked, ...gatheredFields]),
    by.map((field) => ({ field, direction: 'asc', pointer: '' })),
  );
  if (by.length === 0) groups.set('', []);
  for (const row of rows) {
    const key = by.length === 0 ? '' : JSON.stringify(by.map((name) => row[name] ?? null));
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const data = [...groups.values()].map((members) => ({
    ...Object.fromEntries(by.map((name) => [name, members[0]?.[name] ?? null])),
    ...Object.fromEntries(aggregates.map((each) => [each.as, gathered(each, members)])),
  }));
  return { status: 200, data };
}

function gathered({ fn, field }: Aggregation, rows: readonly ThingRow[]): unknown {
  if (field === undefined) return rows.length;
  const values = rows.flatMap((row) => (row[field] == null ? [] : [row[field] as string | number]));
  if (fn === 'count') return values.length;
  if (values.length === 0) return null;
  if (fn === 'sum') return values.reduce<number>((sum, value) => sum + Number(value), 0);
  const ordered = values.toSorted((a, b) => (a < b ? -1 : Number(a > b)));
  return fn === 'min' ? ordered[0] : ordered.at(-1);
}

export function answerHistory(
  world: World,
  caller: Caller,
  { id }: Extract<AccessRequest, { kind: 'history' }>,
): Expected {
  const rights = rightsTo(world, caller, 'history');
  if ('codes' in rights) return rights;
  const refused = refusedBefore(world, rights, 'history', []);
  if (refused !== undefined) return refused;
  // The past of a record is for who sees the record as it is now, deleted or not.
  const record = world.records.find((one) => one.id === id);
  if (record === undefined || !sees(world, rights, stateOf(record)))
    return refusal('ENTITY_NOT_FOUND');
  const self = judgedRecord(record, stateOf(record));
  if (denies(world, rights, 'history', { self, uses: undefined })) return refusal('POLICY_DENIED');
  const data = record.states.toReversed().map((state) => ({
    version: state.version,
    operation: state.operation,
    actor: state.actor,
    record: shown(world, rights, record, state, undefined),
  }));
  return { status: 200, data };
}

function visibleRows(
  world: World,
  rights: Rights,
  where: readonly Condition[],
  uses: readonly string[],
): ThingRow[] {
  return world.records
    .map((record) => ({ record, state: stateOf(record) }))
    .filter(({ state }) => state.operation !== 'delete' && sees(world, rights, state))
    .filter(
      ({ record, state }) =>
        !denies(world, rights, 'read', { self: judgedRecord(record, state), uses }),
    )
    .filter(({ state }) => where.every((condition) => holds(condition, state.values)))
    .map(({ record, state }) => ({ ...state.values, id: record.id }) as ThingRow);
}

/** By what one sees masked one can ask for nothing: it could be guessed. */
function filterProblem(world: World, rights: Rights, name: string): RefusalCode | undefined {
  if (!isKnown(world, rights, name)) return 'UNKNOWN_FIELD';
  if (usableNames.includes(name)) return undefined;
  const field = fieldOf(world.spec, name);
  const usable = field?.filterable === true && maskFor(rights, field) === undefined;
  return usable ? undefined : 'FIELD_NOT_FILTERABLE';
}

function sortProblem(world: World, rights: Rights, name: string): RefusalCode | undefined {
  if (!isKnown(world, rights, name)) return 'UNKNOWN_FIELD';
  if (usableNames.includes(name)) return undefined;
  const field = fieldOf(world.spec, name);
  const usable = field?.sortable === true && maskFor(rights, field) === undefined;
  return usable ? undefined : 'FIELD_NOT_SORTABLE';
}

function gatherProblem(world: World, rights: Rights, name: string): RefusalCode | undefined {
  const unknown = unknownProblem(world, rights, name);
  if (unknown !== undefined) return unknown;
  const field = fieldOf(world.spec, name);
  return field && maskFor(rights, field) ? 'FIELD_NOT_FILTERABLE' : undefined;
}

function fieldsIn(condition: Condition): string[] {
  if ('field' in condition) return [condition.field];
  if ('not' in condition) return fieldsIn(condition.not);
  return ('and' in condition ? condition.and : condition.or).flatMap(fieldsIn);
}
