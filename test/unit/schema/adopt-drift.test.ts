import { describe, expect, it } from 'vitest';
import type { SchemaDefinitionSpec } from '../../../src/contract/kinds.ts';
import { adoptDrift } from '../../../src/schema/adopt-drift.ts';
import type { DriftItem } from '../../../src/schema/compare-shapes.ts';

const spec = {
  version: 'v1',
  fields: [
    { name: 'title', type: 'string', maxLength: 40, filterable: true },
    { name: 'amount', type: 'integer', min: 0 },
    { name: 'state', type: 'enum', enumValues: ['a', 'b'] },
    { name: 'code', type: 'string', unique: true },
  ],
} as unknown as SchemaDefinitionSpec;

const changed = (kind: string, name: string, expected: string, actual: string): DriftItem => ({
  ...{ kind, name, difference: 'changed', expected, actual },
});
const extra = (kind: string, name: string, actual: string): DriftItem => ({
  ...{ kind, name, difference: 'unexpected', actual },
});

const fieldOf = (item: DriftItem, name: string) =>
  adoptDrift(spec, 't', [item]).spec.fields.find((field) => field.name === name);

describe('adopting', () => {
  it.each([
    [changed('column', 'title', 'text', 'text not null'), 'title', { required: true }],
    [
      changed('column', 'title', 'text', "text default 'it''s'::text"),
      'title',
      { default: "it's" },
    ],
    [
      changed('column', 'amount', 'bigint', "bigint default '-4'::bigint"),
      'amount',
      { default: -4 },
    ],
    [
      changed('constraint', 't_title_check', '', 'CHECK ((char_length(title) <= 60))'),
      'title',
      { maxLength: 60 },
    ],
    [
      changed(
        'constraint',
        't_amount_check',
        '',
        "CHECK ((((amount)::numeric >= '2'::numeric) AND ((amount)::numeric <= '9'::numeric)))",
      ),
      'amount',
      { min: 2, max: 9 },
    ],
    [extra('constraint', 'odd', 'CHECK ((amount < 7))'), 'amount', { min: 0 }],
    [
      extra('index', 'odd', 'CREATE INDEX odd ON t USING btree (amount)'),
      'amount',
      { indexed: true },
    ],
    [
      extra('index', 'odd', 'CREATE UNIQUE INDEX odd ON t USING btree (amount)'),
      'amount',
      { unique: true },
    ],
  ])('%j', (item, name, wanted) => {
    expect(fieldOf(item, name)).toMatchObject(wanted);
  });

  it('takes composite indexes over without the id that the platform adds itself', () => {
    const made = 'CREATE INDEX odd ON t USING btree (state, amount DESC, id DESC)';
    expect(adoptDrift(spec, 't', [extra('index', 'odd', made)]).spec.indexes).toEqual([
      {
        fields: [
          { name: 'state', direction: 'asc' },
          { name: 'amount', direction: 'desc' },
        ],
        unique: false,
      },
    ]);
  });

  it('gives up what was dropped, where the schema can do without', () => {
    const gone = (kind: string, name: string): DriftItem => ({ kind, name, difference: 'missing' });
    const { spec: left, refused } = adoptDrift(spec, 't', [
      gone('constraint', 't_amount_check'),
      gone('index', 't_code_key'),
      gone('constraint', 't_state_check'),
      gone('index', 't_title_idx'),
    ]);
    expect(left.fields[1]).not.toHaveProperty('min');
    expect(left.fields[3]).toMatchObject({ unique: false });
    expect(refused.map(({ summary }) => summary)).toEqual([
      'constraint t_state_check is missing',
      'index t_title_idx is missing',
    ]);
  });

  it.each([
    extra('column', 'note', 'text'),
    extra('trigger', 'odd', 'CREATE TRIGGER odd …'),
    extra('policy', 'wide', 'permissive for * to public using (true)'),
    extra('index', 'odd', 'CREATE INDEX odd ON t USING gin (title)'),
    extra('index', 'odd', 'CREATE INDEX odd ON t USING btree (lower(title))'),
    extra('index', 'odd', 'CREATE INDEX odd ON t USING btree (title) WHERE (deleted_at IS NULL)'),
    extra('index', 'odd', 'CREATE INDEX odd ON t USING btree (created_at)'),
    extra('constraint', 'odd', "CHECK ((title ~ '^a'::text))"),
    changed('column', 'amount', 'bigint', 'numeric'),
    changed('column', 'amount', 'bigint', 'bigint default nextval($1)'),
    changed('column', 'version', 'bigint not null', 'bigint'),
    changed('constraint', 't_state_check', '', 'CHECK ((char_length(state) <= 3))'),
  ])('refuses, with a reason: %j', (item) => {
    const { spec: same, adopted, refused } = adoptDrift(spec, 't', [item]);
    expect(same).toEqual(spec);
    expect(adopted).toEqual([]);
    expect(refused).toEqual([{ summary: expect.any(String), why: expect.stringMatching(/\w{4}/) }]);
  });
});
