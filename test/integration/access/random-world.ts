import type {
  Field,
  FieldMask,
  Filter,
  FilterOperator,
  Operation,
  RowFilter,
  SchemaAccess,
  SchemaDefinitionSpec,
} from '../../../src/contract/kinds.ts';
import type { Random } from './random.ts';
import { randomPolicies } from './random-policies.ts';
import type { Attributes, Binding, Caller, Scope, Standing, Values } from './world.ts';
import { adminActor, adminRole, defaultRole } from './world.ts';

/** Few values of each field, so that filters match, groups gather and attributes fit. */
export const pools: Readonly<Record<string, readonly unknown[]>> = {
  region_of: ['north', 'south', 'east', 'it"s'],
  owner_of: ['ada', 'bob', 'eve'],
  note_of: ['', 'plain', "it's", '100%', '{{identity.attributes.region}}'],
  level_of: [0, 1, 2, 3, -7],
  state_of: ['open', 'held', 'done'],
  flag_of: [true, false],
  due_on: ['2024-02-29', '2025-12-31', '2026-01-01'],
  tags_of: [[], ['a'], ['b'], ['a', 'b']],
};

const types: Readonly<Record<string, Partial<Field>>> = {
  region_of: { type: 'string' },
  owner_of: { type: 'string' },
  note_of: { type: 'string' },
  level_of: { type: 'integer' },
  state_of: { type: 'enum', enumValues: ['open', 'held', 'done'] },
  flag_of: { type: 'boolean' },
  due_on: { type: 'date' },
  tags_of: { type: 'string[]' },
};

const equality: readonly FilterOperator[] = ['eq', 'neq', 'in', 'not_in', 'is_null', 'is_not_null'];
const order: readonly FilterOperator[] = [...equality, 'lt', 'lte', 'gt', 'gte', 'between'];

/** What a field's type can be asked in a query, and in a row filter. */
export const operatorsOf: Readonly<Record<string, readonly FilterOperator[]>> = {
  string: [...equality, 'contains', 'starts_with'],
  integer: order,
  enum: equality,
  boolean: equality,
  date: order,
  'string[]': ['contains', 'overlaps', 'contains_all', 'is_null', 'is_not_null'],
};

const roles = [defaultRole, 'clerk', 'auditor', 'boss'] as const;
const operations: readonly Operation[] = ['create', 'read', 'update', 'delete', 'history'];
/** Attribute, and the field that it is made for. */
const attributeFields: Readonly<Record<string, string>> = {
  region: 'region_of',
  owner: 'owner_of',
  level: 'level_of',
  state: 'state_of',
  flag: 'flag_of',
  due: 'due_on',
  tag: 'tags_of',
};
export const attributes = Object.keys(attributeFields);

/** The value that every record has and nobody is kept from, by which records are told apart. */
export const anchor = 'code_of';

function randomFields(random: Random): Field[] {
  const names = random.some(Object.keys(pools), 0.8);
  const rule = (): string[] => random.some(roles, 0.5);
  return [
    { name: anchor, type: 'string', required: true, filterable: true, sortable: true },
    ...names.map((name): Field => {
      const [read, write] = [random.chance(0.35), random.chance(0.35)];
      const access = { ...(read && { read: rule() }), ...(write && { write: rule() }) };
      const sortable = random.chance(0.6) && name !== 'tags_of';
      return {
        ...({ name, ...types[name] } as Field),
        ...{ filterable: random.chance(0.75), sortable },
        ...(random.chance(0.15) &&
          name !== 'tags_of' && { default: random.pick(pools[name] ?? []) }),
        ...((read || write) && { access }),
      };
    }),
  ];
}

function randomAccess(random: Random, fields: readonly Field[]): SchemaAccess {
  const filtered = fields.filter(({ name }) => name !== anchor);
  const policies = randomPolicies(random, fields);
  return {
    ...(policies.length > 0 && { policies }),
    roles: random.some(roles, 0.85).map((role) => ({
      role,
      operations: random.chance(0.15)
        ? ['*']
        : [...new Set(['read' as const, ...random.some(operations, 0.6)])],
    })),
    ...(filtered.length > 0 && {
      rowFilter: random.times(0, 4, (): RowFilter => {
        const role = random.pick([...roles, ...roles, adminRole]);
        return { role, filter: randomRowFilter(random, random.pick(filtered)) };
      }),
    }),
  };
}

function randomRowFilter(random: Random, field: Field): Filter {
  const op = random.pick(operatorsOf[field.type] ?? []);
  if (op === 'is_null' || op === 'is_not_null') return { field: field.name, op, value: true };
  if (op !== 'between' && random.chance(0.6)) {
    // Now and then one that was made for another field, whose values do not fit.
    const own = attributes.find((name) => attributeFields[name] === field.name) ?? 'region';
    const attribute = random.chance(0.9) ? own : random.pick(attributes);
    return { field: field.name, op, value: `{{identity.attributes.${attribute}}}` };
  }
  return { field: field.name, op, value: randomOperand(random, field, op) };
}

/** What an operator compares a field with: a value, some, or a member of a list. */
export function randomOperand(random: Random, { name, type }: Field, op: FilterOperator): unknown {
  const pool = pools[name] ?? ['code-1', 'code-2'];
  if (type === 'string[]') {
    return op === 'contains' ? random.pick(['a', 'b']) : random.pick([['a'], ['a', 'b']]);
  }
  if (op === 'in' || op === 'not_in') return random.times(1, 3, () => random.pick(pool));
  if (op === 'between') return [random.pick(pool), random.pick(pool)];
  if (op === 'contains' || op === 'starts_with') return random.pick(['no', 'a', 'it', '']);
  return random.pick(pool);
}

export function randomValues(random: Random, fields: readonly Field[], number: number): Values {
  return Object.fromEntries(
    fields.map(({ name }) => [
      name,
      name === anchor
        ? `code-${number}`
        : random.chance(0.15)
          ? null
          : random.pick(pools[name] ?? []),
    ]),
  );
}

export function randomSpec(
  random: Random,
  strategyRef: SchemaDefinitionSpec['auth']['strategyRef'],
): SchemaDefinitionSpec {
  const fields = randomFields(random);
  const access = randomAccess(random, fields);
  // A mask on the field of a row filter is refused, since rows would show by it.
  const filtered = (access.rowFilter ?? []).map(({ filter }) => filter.field);
  const maskable = fields.filter(({ name }) => name !== anchor && !filtered.includes(name));
  for (const field of random.some(maskable, 0.3)) field.mask = randomMask(random, field);
  return {
    version: 'v1',
    auth: { strategyRef },
    access,
    fields,
    search: { tier: 'Tier1' },
  };
}

function randomMask(random: Random, { type }: Field): FieldMask {
  const fitting: FieldMask['strategy'][] = ['redact'];
  if (type === 'string') fitting.push('partial', 'hash');
  if (type === 'integer' || type === 'date') fitting.push('hash');
  const strategy = random.pick(fitting);
  return {
    strategy,
    ...(strategy === 'partial' && random.chance(0.7) && { keepLast: 1 + random.below(3) }),
    ...(random.chance(0.7) && { unmaskedFor: random.some(roles, 0.4) }),
  };
}

interface Place {
  readonly schema: string;
  readonly organisation: string;
  readonly rival: string;
}

/** Somebody of the organisation, now and then of another one or whoever may do everything. */
export function randomCaller(
  random: Random,
  place: Place,
  fields: readonly Field[],
  name: string,
): Caller {
  const kind = random.below(50);
  if (kind === 0) {
    const key = { scopes: [], standing: 'live' } as const;
    const platformAdmin = true;
    const { organisation } = place;
    return { actor: adminActor, organisation, platformAdmin, bindings: [], key };
  }
  const foreign = kind === 1;
  if (kind > 1 && kind < 8) {
    return {
      ...{ actor: name, organisation: place.organisation, platformAdmin: false },
      bindings: random.times(0, 1, () => randomBinding(random, place)),
      token: {
        roles: random.some([...roles, 'stranger'], 0.4),
        attributes: randomAttributes(random),
      },
      key: { scopes: [], standing: random.chance(0.1) ? 'expired' : 'live' },
    };
  }
  return {
    actor: name,
    organisation: foreign ? place.rival : place.organisation,
    platformAdmin: false,
    bindings: foreign
      ? [{ roles: [adminRole], scopes: [], standing: 'live' }]
      : random.times(0, 3, () => randomBinding(random, place)),
    key: {
      scopes: random.chance(0.25)
        ? random.times(1, 2, () => randomKeyScope(random, place, fields))
        : [],
      standing: random.chance(0.04) ? random.pick(['expired', 'revoked'] as const) : 'live',
    },
  };
}

function randomBinding(random: Random, place: Place): Binding {
  const standing: Standing = random.chance(0.1) ? random.pick(['expired', 'revoked']) : 'live';
  const held = random.chance(0.06) ? [adminRole] : [random.pick(roles), ...random.some(roles, 0.2)];
  return {
    standing,
    roles: [...new Set(held)],
    scopes: random.chance(0.25) ? [] : random.times(1, 2, () => randomScope(random, place)),
  };
}

function randomScope(random: Random, { schema }: Place): Scope {
  return {
    schema: random.pick([schema, schema, schema, '*', 'elsewhere']),
    ...(random.chance(0.1) && { version: random.pick(['v1', 'v2']) }),
    ...(random.chance(0.2) && {
      operations: [...new Set([random.pick(operations), ...random.some(operations, 0.5)])],
    }),
    ...(random.chance(0.85) && { attributes: randomAttributes(random) }),
  };
}

function randomKeyScope(random: Random, place: Place, fields: readonly Field[]): Scope {
  const names = fields.map(({ name }) => name);
  const { attributes: _, ...scope } = randomScope(random, place);
  return {
    ...scope,
    ...(random.chance(0.25) && { attributes: randomAttributes(random) }),
    ...(random.chance(0.4) && {
      fields: {
        ...(random.chance(0.7) && { read: [anchor, ...random.some(names.slice(1), 0.6)] }),
        ...(random.chance(0.7) && { write: [anchor, ...random.some(names.slice(1), 0.6)] }),
      },
    }),
  };
}

function randomAttributes(random: Random): Attributes {
  return Object.fromEntries(
    random.some(attributes, 0.7).map((name) => {
      const pool = (pools[attributeFields[name] ?? ''] ?? []).flat();
      // A list, one value, a number as text, nothing at all, or what is no value of the field.
      const value = random.pick<() => unknown>([
        () => random.times(0, 2, () => random.pick(pool)),
        () => random.times(1, 3, () => random.pick(pool)),
        () => random.pick(pool),
        () => random.pick(pool),
        () => String(random.pick(pool)),
        () => (random.chance(0.3) ? null : random.pick(pool)),
        () => (random.chance(0.3) ? 'not of it' : random.pick(pool)),
      ])();
      return [name, value];
    }),
  );
}
