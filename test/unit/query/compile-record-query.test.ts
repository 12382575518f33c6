import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileCondition } from '../../../src/query/compile-condition.ts';
import type { CompiledQuery } from '../../../src/query/compile-record-query.ts';
import { compileRecordQuery } from '../../../src/query/compile-record-query.ts';
import { Parameters } from '../../../src/query/parameters.ts';
import { planRecordQuery } from '../../../src/query/plan-record-query.ts';
import { parseQueryBody } from '../../../src/query/record-query.ts';
import type { CompiledSchema } from '../../../src/schema/compile.ts';
import {
  accessAll,
  cursorSecret,
  everyType,
  openSchemas,
  schemaOf,
  thing,
} from './schema-fixture.ts';

const compile = (body: unknown, schema: CompiledSchema = thing): CompiledQuery =>
  compileRecordQuery(
    planRecordQuery({
      ...{ schema, query: parseQueryBody(body), access: accessAll(schema), cursorSecret },
      ...openSchemas,
    }),
  );

const injections = [
  `'; drop table x; --`,
  `" or "1"="1`,
  '$1',
  `\\'`,
  '/* */',
  `E'\\x27'`,
  `a" from b`,
];

describe('values', () => {
  it('that carry SQL are parameters and leave the text as it was', () => {
    const ask = (value: string): CompiledQuery =>
      compile({
        where: {
          and: [
            { field: 'title', op: 'eq', value },
            { field: 'title', op: 'contains', value },
            { field: 'title', op: 'in', value: [value] },
            { field: 'tags', op: 'overlaps', value: [value] },
            { field: 'attributes', op: 'contains', value: { [value]: value } },
          ],
        },
      });
    const plain = ask('plain').list;
    fc.assert(
      fc.property(fc.oneof(fc.constantFrom(...injections), fc.string()), (value) => {
        fc.pre(!value.includes('\0'));
        const { list } = ask(value);
        expect(list.text).toBe(plain.text);
        expect(list.name).toBe(plain.name);
        expect(list.values[0]).toBe(value);
      }),
    );
  });

  it('of a row filter are parameters too', () => {
    const parameters = new Parameters();
    const condition = { field: 'notes', op: 'eq', value: injections[0] } as const;
    expect(compileCondition(thing, condition, 't', parameters)).toBe('"t"."notes" = $1::text');
    expect(parameters.values).toEqual([injections[0]]);
  });
});

describe('names', () => {
  it('that carry SQL are unknown in every place', () => {
    for (const name of injections) {
      const uses = [
        { where: { field: name, op: 'is_null' } },
        { sort: [{ field: name }] },
        { select: [name] },
        { include: [name] },
        { groupBy: [name] },
        { aggregate: [{ fn: 'sum', field: name, as: 'x' }] },
        { aggregate: [{ fn: 'count', as: name }] },
        { groupBy: ['status'], sort: [{ field: name }] },
        { where: { field: 'title', op: name, value: 1 } },
      ];
      for (const use of uses) expect(() => compile(use)).toThrow();
    }
  });
});

describe('statements', () => {
  it('share a name when alike but for values, and stay within what Postgres looks at', () => {
    const long = schemaOf(`${'long-'.repeat(12)}name`, everyType);
    const other = { ...long, statementPrefix: `${long.path}@2` };
    const body = (value: string): unknown => ({ where: { field: 'title', op: 'eq', value } });
    expect(compile(body('a'), long).list.name).toBe(compile(body('b'), long).list.name);
    const names = [
      compile(body('a'), long).list.name,
      compile(body('a'), other).list.name,
      compile({}, long).list.name,
      compile({ count: 'exact' }, long).count?.name,
    ];
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(Buffer.byteLength(name!)).toBeLessThanOrEqual(63);
  });

  it('never show what was deleted', () => {
    const { list, count } = compile({ count: 'exact', include: ['maker.home'] });
    expect(list.text.match(/"?"deleted_at" is null/g)).toHaveLength(3);
    expect(count?.text).toContain('t."deleted_at" is null');
  });
});

describe('pages', () => {
  const rows = (found: number): Record<string, unknown>[] => [
    {
      data: Array.from({ length: found }, (_, n) => `{"n":"${n}\\n,"}`).join(',\n'),
      found,
      key_0: 'k',
    },
  ];

  it('lose the record that only told of more', () => {
    const { decodePage } = compile({ limit: 2 });
    expect(decodePage([{ data: null, found: 0, key_0: null }])).toEqual({ data: '[]' });
    expect(JSON.parse(decodePage(rows(2)).data)).toHaveLength(2);
    expect(decodePage(rows(2)).cursor).toBeUndefined();
    expect(JSON.parse(decodePage(rows(3)).data)).toHaveLength(2);
    expect(decodePage(rows(3)).cursor).toBeDefined();
  });
});
