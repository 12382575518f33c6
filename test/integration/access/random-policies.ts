import type { Field, Operation, Policy } from '../../../src/contract/kinds.ts';
import type { Random } from './random.ts';
import type { Values } from './world.ts';

/** What a condition looks at; fields that have no value are null. */
export interface Judged {
  readonly self: Values;
  readonly old: Values;
  readonly actor: { readonly id: string; readonly roles: readonly string[] };
}

/** A condition of the documentation's language, and the same said in JavaScript. */
interface Condition {
  readonly cel: string;
  /** Fields that it looks at. */
  readonly of: readonly string[];
  /** Whether it looks at a record at all. */
  readonly record: boolean;
  readonly old?: boolean;
  /** Only true lets anything pass; what has no value is false here. */
  readonly holds: (judged: Judged) => boolean;
}

const has = (value: unknown): boolean => value !== null && value !== undefined;
const number = (value: unknown): number => (has(value) ? Number(value) : Number.NaN);

const conditions: readonly Condition[] = [
  {
    cel: '"clerk" in actor.roles || "auditor" in actor.roles',
    ...{ of: [], record: false },
    holds: ({ actor }) => actor.roles.includes('clerk') || actor.roles.includes('auditor'),
  },
  {
    cel: 'actor.type == "user" && size(actor.roles) > 0',
    ...{ of: [], record: false },
    holds: ({ actor }) => actor.roles.length > 0,
  },
  {
    cel: 'self.level_of < 3',
    ...{ of: ['level_of'], record: true },
    holds: ({ self }) => number(self['level_of']) < 3,
  },
  {
    cel: '!has(self.level_of) || self.level_of >= 0',
    ...{ of: ['level_of'], record: true },
    holds: ({ self }) => !has(self['level_of']) || number(self['level_of']) >= 0,
  },
  {
    cel: 'self.region_of == "north" || "boss" in actor.roles',
    ...{ of: ['region_of'], record: true },
    holds: ({ self, actor }) => self['region_of'] === 'north' || actor.roles.includes('boss'),
  },
  {
    cel: 'self.state_of != "done"',
    ...{ of: ['state_of'], record: true },
    holds: ({ self }) => self['state_of'] !== 'done',
  },
  {
    cel: 'self.flag_of == true || self.version < 3',
    ...{ of: ['flag_of'], record: true },
    holds: ({ self }) => self['flag_of'] === true || number(self['version']) < 3,
  },
  {
    cel: '"a" in self.tags_of || self.created_by == actor.id',
    ...{ of: ['tags_of'], record: true },
    holds: ({ self, actor }) =>
      (self['tags_of'] as string[] | null)?.includes('a') === true ||
      self['created_by'] === actor.id,
  },
  {
    cel: 'has(self.note_of) && self.note_of.startsWith("pl") || "auditor" in actor.roles',
    ...{ of: ['note_of'], record: true },
    holds: ({ self, actor }) =>
      (has(self['note_of']) && String(self['note_of']).startsWith('pl')) ||
      actor.roles.includes('auditor'),
  },
  {
    cel: 'self.due_on < timestamp("2026-01-01T00:00:00Z")',
    ...{ of: ['due_on'], record: true },
    holds: ({ self }) => has(self['due_on']) && String(self['due_on']) < '2026-01-01',
  },
  {
    cel: 'old.state_of != "done" || "boss" in actor.roles',
    ...{ of: ['state_of'], record: true, old: true },
    holds: ({ old, actor }) => old['state_of'] !== 'done' || actor.roles.includes('boss'),
  },
  {
    cel: 'self.level_of >= old.level_of',
    ...{ of: ['level_of'], record: true, old: true },
    holds: ({ self, old }) => number(self['level_of']) >= number(old['level_of']),
  },
  {
    cel: 'self.owner_of == old.owner_of || self.region_of != old.region_of',
    ...{ of: ['owner_of', 'region_of'], record: true, old: true },
    holds: ({ self, old }) =>
      (self['owner_of'] ?? null) === (old['owner_of'] ?? null) ||
      (self['region_of'] ?? null) !== (old['region_of'] ?? null),
  },
];

const actions: readonly Operation[] = [
  ...(['read', 'read', 'create', 'update', 'update', 'delete', 'history', '*'] as const),
];

/** None for half of the schemas, since each policy takes away. */
export function randomPolicies(random: Random, fields: readonly Field[]): Policy[] {
  if (random.chance(0.5)) return [];
  const names = fields.map(({ name }) => name);
  const known = conditions.filter(({ of }) => of.every((name) => names.includes(name)));
  return random.times(1, 3, (index): Policy => {
    const action = random.pick(actions);
    const fitting = known.filter(
      ({ old }) => old !== true || action === 'update' || action === 'delete',
    );
    return {
      name: `policy-${index}`,
      action,
      condition: random.pick(fitting).cel,
      ...(random.chance(0.25) && {
        fields: [...new Set([random.pick(names), random.pick(names)])],
      }),
    };
  });
}

export function conditionOf({ condition }: Policy): Condition {
  const found = conditions.find(({ cel }) => cel === condition);
  if (found === undefined) throw new Error(`no reference for ${condition}`);
  return found;
}
