import { describe, expect, it } from 'vitest';
import type {
  Operation,
  Policy,
  SchemaDefinition,
  SchemaDefinitionSpec,
} from '../../../../src/contract/kinds.ts';
import { acme, admitNew, problemsOf, schema } from './manifests.ts';

const roles = [{ role: 'clerk', operations: ['*'] as Operation[] }];
const thing = (spec: Partial<SchemaDefinitionSpec>) => schema('thing', spec);

describe('admission › expressions', () => {
  const fields = [
    { name: 'starts', type: 'datetime', required: true },
    { name: 'ends', type: 'datetime' },
    { name: 'count', type: 'integer' },
    { name: 'tags', type: 'string[]' },
  ] as const;
  const withRule = (rule: string) =>
    thing({ fields: [...fields], validations: [{ type: 'cel', rule }] });

  it('refuses what has no types, what is no condition and what cannot be kept', () => {
    const first = (rule: string) => admitNew(withRule(rule)).problems[0];
    expect(first('self.end > self.starts')).toMatchObject({
      pointer: '/spec/validations/0/rule',
      rule: 'cel',
      message: 'Line 1, column 5: self has no field "end".',
      hint: expect.stringContaining('starts, ends, count'),
    });
    expect(first('self.count + 1')).toMatchObject({ rule: 'cel' });
    expect(first('self.count > "1"')).toMatchObject({ rule: 'cel' });
    expect(first('string(1.5) == "1.5"')).toMatchObject({ rule: 'not-in-this-release' });
    expect(first('request.method == "POST"')).toMatchObject({ rule: 'cel' });
    expect(first('actor.nope == "x"')).toMatchObject({ rule: 'cel' });
    expect(first('actor.attributes == "x"')).toMatchObject({ rule: 'cel' });
    expect(first('old.count != self.count')).toBe(undefined);
    expect(first('"admin" in actor.roles')).toBe(undefined);
    expect(first('self.tags.all(t, t != "")')).toBe(undefined);
    expect(first('has(self.ends) && self.ends > self.starts')).toBe(undefined);
  });

  it('warns of a rule that a null breaks', () => {
    const warnings = (rule: string) => admitNew(withRule(rule)).warnings.join('\n');
    expect(warnings('self.ends > self.starts')).toContain('refuses records without ends');
    expect(warnings('!has(self.ends) || self.ends > self.starts')).not.toContain('refuses records');
    expect(warnings('self.count == 1 || self.count in [2, 3]')).not.toContain('refuses');
    expect(warnings('self.ends == null || self.ends > self.starts')).not.toContain('refuses');
  });

  it('warns of a rule that only the API can hold', () => {
    const warnings = (rule: string) => admitNew(withRule(rule)).warnings.join('\n');
    expect(warnings('!has(self.tags) || self.tags.all(t, t != "")')).toContain('looks into a list');
    expect(warnings('!has(self.tags) || "a" in self.tags')).not.toContain('looks into a list');
  });

  const withPolicy = (action: Policy['action'], condition: string, more: Partial<Policy> = {}) =>
    thing({
      fields: [...fields],
      access: { roles, policies: [{ name: 'own', action, condition, ...more }] },
    });

  it('types a policy by its action', () => {
    const change = 'old.count != self.count';
    expect(problemsOf(withPolicy('update', change))).toEqual([]);
    expect(problemsOf(withPolicy('delete', change))).toEqual([]);
    for (const action of ['create', 'read', 'history', '*'] as const) {
      expect(problemsOf(withPolicy(action, change)), action).toEqual([
        '/spec/access/policies/0/condition cel',
      ]);
      const fits = 'self.created_by == actor.id && request.time > self.updated_at';
      expect(problemsOf(withPolicy(action, fits)), action).toEqual([]);
    }
    expect(problemsOf(withPolicy('create', 'self.count'))).toHaveLength(1);
    expect(problemsOf(withPolicy('create', 'request.nope == 1'))).toHaveLength(1);
    expect(problemsOf(withPolicy('create', 'true', { fields: ['nope'] }))).toEqual([
      '/spec/access/policies/0/fields/0 policy',
    ]);
  });

  it('refuses a policy that would have to filter in SQL and cannot', () => {
    const condition = 'string(1.5) == self.tags[0]';
    for (const action of ['read', 'history', 'search', 'export', '*'] as const) {
      expect(problemsOf(withPolicy(action, condition)), action).toEqual([
        '/spec/access/policies/0/condition policy',
      ]);
    }
    expect(problemsOf(withPolicy('update', condition))).toEqual([]);
    expect(problemsOf(withPolicy('read', 'self.tags.exists(t, t in actor.roles)'))).toEqual([]);
  });

  it('warns of a policy that a null makes deny, and of one that nothing asks yet', () => {
    const warnings = (candidate: SchemaDefinition) => admitNew(candidate).warnings.join('\n');
    expect(warnings(withPolicy('read', 'self.count > 1'))).toContain(
      'denies records without count',
    );
    expect(warnings(withPolicy('restore', 'true'))).toContain('nothing in this release');
    expect(warnings(withPolicy('history', 'true'))).not.toContain('nothing in this release');
  });

  it('holds a backfill against the record as it was, and judges it once', () => {
    const name = { name: 'name', type: 'string' } as const;
    const before = thing({ fields: [name] });
    const after = thing({
      fields: [{ name: 'first', type: 'string', backfill: 'has(self.name) ? self.name : "?"' }],
    });
    const known = [...acme, before];
    expect(problemsOf(after, known)).toEqual([]);
    expect(problemsOf(after, [...acme, after])).toEqual([]);
    expect(problemsOf(after, acme)).toContain('/spec/fields/0/backfill cel');
    const wrong = thing({ fields: [name, { name: 'n', type: 'integer', backfill: 'self.name' }] });
    expect(problemsOf(wrong, known)).toEqual(['/spec/fields/1/backfill cel']);
  });

  it('holds the filter of a webhook against the fields', () => {
    const hook = (filter: string) =>
      thing({
        fields: [...fields],
        webhooks: [
          { name: 'tell', url: 'https://example.org', secretRef: { name: 's', key: 'k' }, filter },
        ],
      });
    expect(problemsOf(hook('old.count != self.count && actor.type == "user"'))).toEqual([]);
    expect(problemsOf(hook('self.nope'))).toEqual(['/spec/webhooks/0/filter cel']);
  });

  it('takes a condition of an index over system columns too', () => {
    const index = (where: string) =>
      thing({ fields: [...fields], indexes: [{ fields: [{ name: 'count' }], where }] });
    expect(problemsOf(index('self.deleted_at == null'))).toEqual([]);
    expect(problemsOf(index('self.tags'))).toEqual(['/spec/indexes/0/where cel']);
    expect(problemsOf(index('self.tags.exists(t, t == "a")'))).toEqual([
      '/spec/indexes/0/where not-in-this-release',
    ]);
  });
});
