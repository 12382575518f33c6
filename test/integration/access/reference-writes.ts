import type { Field } from '../../../src/contract/kinds.ts';
import type { Expected } from './reference-answer.ts';
import { findLive, refusedBefore, shown } from './reference-answer.ts';
import { denies, deniesAll, deniesAnyRecord, judgedRecord } from './reference-policies.ts';
import type { RefusalCode, Rights } from './reference-rights.ts';
import { maskFor, mayRead, mayWrite, refusal, rightsTo, sees } from './reference-rights.ts';
import type { AccessRequest, Caller, KnownRecord, State, Values, World } from './world.ts';
import { fieldOf, stateOf } from './world.ts';

export function answerCreate(
  world: World,
  caller: Caller,
  { body }: Extract<AccessRequest, { kind: 'create' }>,
): Expected {
  const rights = rightsTo(world, caller, 'create');
  if ('codes' in rights) return rights;
  const refused = refusedBefore(world, rights, 'create', [writeProblem(world, rights, body)]);
  if (refused !== undefined) return refused;
  const values = Object.fromEntries(
    world.spec.fields.map(({ name, default: otherwise }) => [
      name,
      name in body ? body[name] : (otherwise ?? null),
    ]),
  );
  const self = { ...values, version: 1, created_by: caller.actor };
  const codes: RefusalCode[] = [];
  if (!sees(world, rights, { values })) codes.push('RLS_POLICY_DENIED');
  if (denies(world, rights, 'create', { self, uses: Object.keys(body) }))
    codes.push('POLICY_DENIED');
  if (codes.length > 0) return refusal(...codes);
  const state: State = { version: 1, operation: 'create', actor: caller.actor, values };
  // The id is the platform's to choose; who compares sets it.
  const record = { id: '', states: [state] };
  world.records.push(record);
  return { status: 201, data: shown(world, rights, record, state, undefined) };
}

export function answerPatch(
  world: World,
  caller: Caller,
  request: Extract<AccessRequest, { kind: 'patch' | 'put' }>,
): Expected {
  const rights = rightsTo(world, caller, 'update');
  if ('codes' in rights) return rights;
  const { version, ...changes } = request.body;
  const refused = refusedBefore(world, rights, 'update', [writeProblem(world, rights, changes)]);
  if (refused !== undefined) return refused;
  return change(world, rights, caller, { id: request.id, version, changes, uses: 'named' });
}

export function answerPut(
  world: World,
  caller: Caller,
  { id, body }: Extract<AccessRequest, { kind: 'patch' | 'put' }>,
): Expected {
  const reading = rightsTo(world, caller, 'read');
  if ('codes' in reading) return reading;
  const rights = rightsTo(world, caller, 'update');
  // Either may be asked first where neither lets the caller through.
  const standing = deniesAll(world, reading, 'read');
  if ('codes' in rights) return standing ? refusal(...rights.codes, 'POLICY_DENIED') : rights;
  const current = findLive(world, reading, id);
  const { version, ...given } = body;
  const codes: RefusalCode[] = [];
  if (standing || deniesAll(world, rights, 'update')) codes.push('POLICY_DENIED');
  // A version is stated of a record that is not there, or has moved on.
  if (current === undefined || stateOf(current).version !== version)
    codes.push('OPTIMISTIC_LOCK_FAILED');
  const problem = writeProblem(world, rights, given);
  if (problem !== undefined && current !== undefined) codes.push(problem);
  if (current !== undefined) {
    const self = judgedRecord(current, stateOf(current));
    if (denies(world, reading, 'read', { self, uses: undefined })) codes.push('POLICY_DENIED');
  }
  if (codes.length > 0) return refusal(...codes);
  const changes = Object.fromEntries(
    world.spec.fields
      .filter((field) => mayWrite(rights, field))
      // What a GET does not show its caller, or shows masked, and is left out keeps its value.
      .filter(
        (field) =>
          field.name in given ||
          [reading, rights].every((each) => mayRead(each, field) && !maskFor(each, field)),
      )
      .map(({ name, default: otherwise }) => [
        name,
        name in given ? given[name] : (otherwise ?? null),
      ]),
  );
  return change(world, rights, caller, {
    ...{ id, version, changes, uses: 'changed' },
    ...(current !== undefined && { seen: current }),
  });
}

function change(
  world: World,
  rights: Rights,
  caller: Caller,
  to: {
    readonly id: string;
    readonly version: unknown;
    readonly changes: Values;
    readonly uses: 'named' | 'changed';
    /** The record where the caller reads it, whether or not it may be changed: so no secret. */
    readonly seen?: KnownRecord;
  },
): Expected {
  const record = findLive(world, rights, to.id);
  const names = Object.keys(to.changes);
  const found = record ?? to.seen;
  if (found === undefined) {
    const early =
      deniesAnyRecord(world, rights, 'update', names) ||
      deniesAnyRecord(world, rights, 'read', undefined);
    return refusal('ENTITY_NOT_FOUND', ...(early ? (['POLICY_DENIED'] as const) : []));
  }
  const before = stateOf(found);
  const values = { ...before.values, ...to.changes };
  const old = judgedRecord(found, before);
  const same = (name: string): boolean =>
    JSON.stringify(before.values[name]) === JSON.stringify(values[name]);
  const uses = to.uses === 'named' ? names : names.filter((name) => !same(name));
  // What may not be read may not be changed.
  const unread = denies(world, rights, 'read', { self: old, uses: undefined });
  const denied = denies(world, rights, 'update', { self: { ...old, ...values }, old, uses });
  if (record === undefined) {
    return refusal('ENTITY_NOT_FOUND', ...(unread || denied ? (['POLICY_DENIED'] as const) : []));
  }
  const codes: RefusalCode[] = [];
  if (before.version !== to.version) codes.push('OPTIMISTIC_LOCK_FAILED');
  if (unread || denied) codes.push('POLICY_DENIED');
  if (!sees(world, rights, { values })) codes.push('RLS_POLICY_DENIED');
  if (codes.length > 0) return refusal(...codes);
  const state: State = {
    ...{ version: before.version + 1, operation: 'update', actor: caller.actor, values },
  };
  record.states.push(state);
  return { status: 200, data: shown(world, rights, record, state, undefined) };
}

export function answerDelete(
  world: World,
  caller: Caller,
  { id }: Extract<AccessRequest, { kind: 'delete' }>,
): Expected {
  const rights = rightsTo(world, caller, 'delete');
  if ('codes' in rights) return rights;
  const refused = refusedBefore(world, rights, 'delete', []);
  if (refused !== undefined) return refused;
  const record = findLive(world, rights, id);
  if (record === undefined) {
    const early =
      deniesAnyRecord(world, rights, 'delete', undefined) ||
      deniesAnyRecord(world, rights, 'read', undefined);
    return refusal('ENTITY_NOT_FOUND', ...(early ? (['POLICY_DENIED'] as const) : []));
  }
  const state = stateOf(record);
  const self = judgedRecord(record, state);
  const uses = undefined;
  if (
    denies(world, rights, 'read', { self, uses }) ||
    denies(world, rights, 'delete', { self, old: self, uses })
  ) {
    return refusal('POLICY_DENIED');
  }
  const { version, values } = state;
  record.states.push({ version: version + 1, operation: 'delete', actor: caller.actor, values });
  return { status: 204 };
}

/** First what the caller does not know, then what it may only read. */
function writeProblem(world: World, rights: Rights, values: Values): RefusalCode | undefined {
  const names = Object.keys(values);
  const known = (name: string): boolean => {
    const field = fieldOf(world.spec, name);
    return field !== undefined && mayRead(rights, field);
  };
  if (!names.every(known)) return 'UNKNOWN_FIELD';
  const writable = names.every((name) => mayWrite(rights, fieldOf(world.spec, name) as Field));
  return writable ? undefined : 'FIELD_ACCESS_DENIED';
}
