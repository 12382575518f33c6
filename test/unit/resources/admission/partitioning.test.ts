import { describe, expect, it } from 'vitest';
import type { Field, Partitioning, SchemaDefinitionSpec } from '../../../../src/contract/kinds.ts';
import { acme, admitNew, problemsOf, schema } from './manifests.ts';

const required = true;
const fields: Field[] = [
  { name: 'due', type: 'date', required },
  { name: 'later', type: 'datetime' },
  { name: 'state', type: 'enum', enumValues: ['open', 'closed'], required },
  { name: 'code', type: 'string', required },
  { name: 'tags', type: 'string[]', required },
];
const by = (
  strategy: Partitioning['strategy'],
  field: string,
  spec: Partial<SchemaDefinitionSpec> = {},
  more: Partial<Partitioning> = {},
) =>
  schema('thing', {
    fields,
    partitioning: { enabled: true, field, strategy, interval: 'monthly', ...more },
    ...spec,
  });

describe('admission › partitioning', () => {
  it.each([
    ['range', 'due'],
    ['range', 'created_at'],
    ['list', 'state'],
    ['hash', 'code'],
    ['hash', 'id'],
    ['hash', 'due'],
  ] as const)('accepts %s of %s', (strategy, field) => {
    expect(problemsOf(by(strategy, field))).toEqual([]);
  });

  it.each([
    ['range', 'later', 'a field that may be absent'],
    ['range', 'code', 'text, which has no months'],
    ['range', 'id', 'an id'],
    ['range', 'updated_at', 'a time that moves with every write'],
    ['list', 'code', 'text, whose values nobody knows'],
    ['list', 'created_at', 'a time'],
    ['hash', 'tags', 'a list'],
    ['hash', 'nowhere', 'no field at all'],
  ] as const)('refuses %s of %s: %s', (strategy, field, _what) => {
    expect(problemsOf(by(strategy, field))).toEqual(['/spec/partitioning/field partition-field']);
  });

  it('asks nothing of what is not enabled', () => {
    expect(problemsOf(by('range', 'nowhere', {}, { enabled: false }))).toEqual([]);
  });

  it('refuses values that are to be unique without the field, and takes those with it', () => {
    const unique = fields.map((field) =>
      field.name === 'code' ? { ...field, unique: true } : field,
    );
    const indexes = [
      { fields: [{ name: 'code' }, { name: 'due' }], unique: true },
      { fields: [{ name: 'code' }], unique: true },
    ];
    expect(problemsOf(by('range', 'due', { fields: unique, indexes }))).toEqual([
      '/spec/fields/3/unique partition-unique',
      '/spec/indexes/1/unique partition-unique',
    ]);
    expect(problemsOf(by('hash', 'code', { fields: unique }))).toEqual([]);
  });

  it('cannot be referred to, by others or by itself', () => {
    const ref = { org: 'acme', app: 'shop', domain: 'orders', object: 'thing', version: 'v1' };
    const referring = schema('other', { fields: [{ name: 'thing', type: 'ref', ref }] });
    const target = by('range', 'due');
    const admitted = admitNew(target, [...acme, referring]);
    expect(admitted.problems.map(({ rule }) => rule)).toEqual(['partition-target']);
    const refused = admitNew(referring, [...acme, target]);
    expect(refused.problems.map(({ pointer }) => pointer)).toEqual(['/spec/fields/0/ref/object']);
  });

  it('refuses other servers, and says that nothing is dropped yet', () => {
    const distributed = by('hash', 'id', {}, { distribution: 'distributed' });
    expect(problemsOf(distributed)).toEqual([
      '/spec/partitioning/distribution not-in-this-release',
    ]);
    const { problems, warnings } = admitNew(by('range', 'due', {}, { retention: '5y' }));
    expect(problems).toEqual([]);
    expect(warnings.join()).toContain('partitioning.retention');
  });
});
