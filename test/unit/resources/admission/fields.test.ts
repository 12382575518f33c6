import { describe, expect, it } from 'vitest';
import type { Field } from '../../../../src/contract/kinds.ts';
import { systemColumns } from '../../../../src/contract/names.ts';
import { acme, admitNew, domain, problemsOf, schema, withField } from './manifests.ts';

const field = '/spec/fields/0';

describe('admission › field names', () => {
  it.each([...systemColumns, 'xmin', 'constructor'])('refuses the reserved name %s', (name) => {
    expect(problemsOf(withField({ name, type: 'string' }))).toEqual([
      `${field}/name reserved-field`,
    ]);
  });

  it('refuses a name that is used twice, at the second', () => {
    const fields: Field[] = [
      { name: 'a', type: 'string' },
      { name: 'a', type: 'integer' },
    ];
    expect(problemsOf(schema('thing', { fields }))).toEqual([
      '/spec/fields/1/name duplicate-field',
    ]);
  });
});

describe('admission › field constraints', () => {
  const refused: [what: string, field: Field, problem: string][] = [
    ['an enum without values', { name: 'a', type: 'enum' }, '/type enum-values'],
    [
      'an enum that lists a value twice',
      { name: 'a', type: 'enum', enumValues: ['x', 'x'] },
      '/enumValues enum-values',
    ],
    [
      'enumValues of a string',
      { name: 'a', type: 'string', enumValues: ['x'] },
      '/enumValues constraint-type',
    ],
    ['min of a boolean', { name: 'a', type: 'boolean', min: 1 }, '/min constraint-type'],
    [
      'maxLength of a number',
      { name: 'a', type: 'number', maxLength: 3 },
      '/maxLength constraint-type',
    ],
    [
      'pattern of an integer',
      { name: 'a', type: 'integer', pattern: 'x' },
      '/pattern constraint-type',
    ],
    [
      'precision of a number',
      { name: 'a', type: 'number', precision: 3 },
      '/precision constraint-type',
    ],
    ['unique json', { name: 'a', type: 'json', unique: true }, '/unique constraint-type'],
    [
      'a sortable geopoint',
      { name: 'a', type: 'geopoint', sortable: true },
      '/sortable constraint-type',
    ],
    [
      'a searchable boolean',
      { name: 'a', type: 'boolean', searchable: true },
      '/searchable constraint-type',
    ],
    ['min above max', { name: 'a', type: 'integer', min: 5, max: 4 }, '/min min-max'],
    ['a fraction as an integer bound', { name: 'a', type: 'integer', max: 4.5 }, '/max min-max'],
    [
      'a scale without precision',
      { name: 'a', type: 'decimal', scale: 2 },
      '/scale precision-scale',
    ],
    [
      'a scale above the precision',
      { name: 'a', type: 'decimal', precision: 4, scale: 5 },
      '/scale precision-scale',
    ],
    ['a ref without target', { name: 'a', type: 'ref' }, '/type ref-target'],
    ['look-ahead', { name: 'a', type: 'string', pattern: '(?=x)' }, '/pattern pattern'],
    ['a back reference', { name: 'a', type: 'string', pattern: '(a)\\1' }, '/pattern pattern'],
    ['an unclosed group', { name: 'a', type: 'string', pattern: '(a' }, '/pattern pattern'],
  ];
  it.each(refused)('refuses %s', (_what, candidate, problem) => {
    expect(problemsOf(withField(candidate))).toEqual([`${field}${problem}`]);
  });

  it('accepts a pattern that would be catastrophic elsewhere', () => {
    expect(problemsOf(withField({ name: 'a', type: 'string', pattern: '^(a+)+$' }))).toEqual([]);
  });
});

describe('admission › defaults', () => {
  const uuid = '0190a6e0-7c1b-7000-8000-000000000000';
  const accepted: [field: Omit<Field, 'name'>, value: unknown][] = [
    [{ type: 'string', maxLength: 3, pattern: '^a' }, 'abc'],
    [{ type: 'string', maxLength: 1 }, '🙂'],
    [{ type: 'integer', min: 0, max: 9 }, 9],
    [{ type: 'integer' }, '9223372036854775807'],
    [{ type: 'number' }, 1.5],
    [{ type: 'decimal', precision: 5, scale: 2 }, '123.45'],
    [{ type: 'decimal', precision: 5, scale: 2 }, 0],
    [{ type: 'boolean' }, false],
    [{ type: 'date' }, '2024-02-29'],
    [{ type: 'datetime' }, '2024-02-29T23:59:59.123456+02:00'],
    [{ type: 'uuid' }, uuid],
    [{ type: 'json' }, { any: [1, null] }],
    [{ type: 'enum', enumValues: ['open'] }, 'open'],
    [{ type: 'geopoint' }, { lat: 52.5, lon: 13.4 }],
    [{ type: 'string[]', maxLength: 2 }, ['ab']],
    [{ type: 'integer[]', min: 1 }, [1, 2]],
    [{ type: 'string' }, null],
  ];
  it.each(accepted)('accepts for %o the value %o', (candidate, value) => {
    expect(problemsOf(withField({ name: 'a', ...candidate, default: value }))).toEqual([]);
  });

  const refused: [field: Omit<Field, 'name'>, value: unknown][] = [
    [{ type: 'string' }, 5],
    [{ type: 'string', maxLength: 3 }, 'abcd'],
    [{ type: 'string', pattern: '^a$' }, 'b'],
    [{ type: 'string', required: true }, null],
    [{ type: 'integer' }, 1.5],
    [{ type: 'integer' }, '9223372036854775808'],
    [{ type: 'integer', min: 1 }, 0],
    [{ type: 'number', max: 1 }, 2],
    [{ type: 'number' }, '2'],
    [{ type: 'decimal' }, '1,5'],
    [{ type: 'decimal', precision: 5, scale: 2 }, '1234.5'],
    [{ type: 'decimal', precision: 5, scale: 2 }, '1.005'],
    [{ type: 'decimal', max: 10 }, '10.01'],
    [{ type: 'boolean' }, 'yes'],
    [{ type: 'date' }, '2023-02-29'],
    [{ type: 'date' }, 'now()'],
    [{ type: 'datetime' }, '2023-02-28'],
    [{ type: 'datetime' }, '2023-02-28T24:00:00Z'],
    [{ type: 'uuid' }, 'x'],
    [{ type: 'enum', enumValues: ['open'] }, 'closed'],
    [{ type: 'geopoint' }, { lat: 91, lon: 0 }],
    [{ type: 'geopoint' }, [52, 13]],
    [{ type: 'string[]' }, 'a'],
    [{ type: 'string[]', maxLength: 1 }, ['ab']],
    [{ type: 'integer[]', min: 1 }, [0]],
  ];
  it.each(refused)('refuses for %o the value %o', (candidate, value) => {
    expect(problemsOf(withField({ name: 'a', ...candidate, default: value }))).toEqual([
      `${field}/default default`,
    ]);
  });
});

describe('admission › references', () => {
  const target = schema('customer', {
    fields: [
      { name: 'number', type: 'string', unique: true },
      { name: 'name', type: 'string' },
    ],
  });
  const ref = {
    ...{ org: 'acme', app: 'shop', domain: 'orders', object: 'customer', version: 'v1' },
  };
  const pointing = (more: object, fieldMore: Partial<Field> = {}) =>
    withField({ name: 'buyer', type: 'ref', ref: { ...ref, ...more }, ...fieldMore });

  it('accepts the id and a unique field as key', () => {
    expect(problemsOf(pointing({}), [...acme, target])).toEqual([]);
    expect(problemsOf(pointing({ key: 'number' }), [...acme, target])).toEqual([]);
  });

  it('accepts a schema that refers to itself', () => {
    expect(problemsOf(pointing({ object: 'thing' }))).toEqual([]);
  });

  it('accepts a target of another domain of the organisation', () => {
    const crm = domain('acme', 'shop', 'crm');
    const there = schema('customer', {}, 'acme-shop-crm');
    expect(problemsOf(pointing({ domain: 'crm' }), [...acme, crm, there])).toEqual([]);
  });

  it.each([
    ['an unknown schema', { object: 'nobody' }, {}, '/object ref-target'],
    ['an unknown version', { version: 'v2' }, {}, '/version ref-target'],
    ['a key that does not exist', { key: 'email' }, {}, '/key ref-key'],
    ['a key that is not unique', { key: 'name' }, {}, '/key ref-key'],
    ['another organisation', { org: 'globex' }, {}, '/org cross-organisation'],
    [
      'setNull on a required field',
      { onDelete: 'setNull' },
      { required: true },
      '/onDelete ref-on-delete',
    ],
    [
      'setNull on an immutable field',
      { onDelete: 'setNull' },
      { immutable: true },
      '/onDelete ref-on-delete',
    ],
  ])('refuses %s', (_what, more, fieldMore, problem) => {
    expect(problemsOf(pointing(more, fieldMore), [...acme, target])).toEqual([
      `${field}/ref${problem}`,
    ]);
  });

  it('answers for another organisation the same whether its schema exists or not', () => {
    const theirs = [
      domain('globex', 'shop', 'orders'),
      schema('customer', {}, 'globex-shop-orders'),
    ];
    const answers = [acme, [...acme, ...theirs]].map(
      (stored) => admitNew(pointing({ org: 'globex' }), stored).problems,
    );
    expect(answers[0]).toEqual(answers[1]);
  });

  it('accepts an earlier version of the target that has a table', () => {
    const versions = [{ namespace: 'acme-shop-orders', name: 'customer', version: 'v1' }];
    const now = schema('customer', { version: 'v2' });
    expect(problemsOf(pointing({}), [...acme, now], { versions })).toEqual([]);
  });

  it('lets the domain, not the spelling of its namespace, say whose a target is', () => {
    // `acme-shop` + `web` + `orders` and `acme` + `shop-web` + `orders` share one namespace.
    const theirs = domain('acme-shop', 'web', 'orders');
    const there = schema('customer', {}, 'acme-shop-web-orders');
    const candidate = pointing({ app: 'shop-web' });
    expect(problemsOf(candidate, [...acme, theirs, there])).toEqual([
      `${field}/ref/object ref-target`,
    ]);
  });
});
