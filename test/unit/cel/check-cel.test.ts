import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkCel } from '../../../src/cel/check.ts';
import { celField } from '../../../src/cel/environment.ts';
import { evaluateCel } from '../../../src/cel/evaluate.ts';
import { postgresPattern } from '../../../src/cel/postgres-pattern.ts';
import { celToSql } from '../../../src/cel/to-sql.ts';
import { quoteIdentifier, quoteLiteral } from '../../../src/schema/identifier.ts';

const fields = new Map([
  ['a', celField('bigint', true)],
  ['b', celField('bigint', true)],
  ['sure', celField('bigint', false)],
  ['text', celField('text', true)],
  ['tags', celField('text[]', true)],
]);
const environment = new Map([
  ['self', fields],
  ['old', fields],
]);

function checked(source: string) {
  const result = checkCel(source, environment);
  if ('problems' in result) throw new Error(`${source}: ${JSON.stringify(result.problems)}`);
  return result.ok;
}

const messages = (source: string): string[] => {
  const result = checkCel(source, environment);
  return 'problems' in result ? result.problems.map(({ message }) => message) : [];
};

const sql = (source: string) => celToSql(checked(source), quoteIdentifier, quoteLiteral);

describe('an expression › bounds', () => {
  it('takes 10 KB and no more', () => {
    const text = (length: number): string => `"${'x'.repeat(length - 2)}" == "y"`;
    expect(messages(text(10_240 - 7))).toEqual([]);
    expect(messages(text(10_240))).toEqual([expect.stringContaining('bytes')]);
    expect(messages(`"${'é'.repeat(5_200)}" == "y"`)).toEqual([expect.stringContaining('bytes')]);
  });

  it('takes ten levels and no more; a chain is one', () => {
    const nested = (depth: number): string => `self.text${'.lowerAscii()'.repeat(depth)}`;
    expect(messages(nested(10))).toEqual([]);
    expect(messages(nested(11))).toEqual(['The expression is nested too deep.']);
    expect(messages(Array(200).fill('self.a > 1').join(' && '))).toEqual([]);
    expect(messages(Array(200).fill('self.a').join(' + '))).toEqual([]);
    expect(messages(`${'self.a > 1 ? 1 : '.repeat(100)}2`)).toEqual([]);
    expect(messages(Array(450).fill('self.a').join(' + '))).toEqual([
      'The expression is nested too deep.',
    ]);
  });

  it.each(['(', '[', '{', '!', '-', 'a.', '1+', 'a?', 'a(', '!(', 'self.a==', '"', '&&'])(
    'is judged within a moment when it is ten thousand characters of %s',
    (piece) => {
      const source = piece.repeat(Math.floor(10_000 / piece.length));
      const begun = performance.now();
      for (const end of ['', '1', `1${')'.repeat(5_000)}`]) {
        messages((source + end).slice(0, 10_240));
      }
      expect(performance.now() - begun).toBeLessThan(2_000);
    },
  );

  it('takes one macro over a list and not one inside another', () => {
    expect(messages('self.tags.all(x, x.size() > 1 && x.contains("a"))')).toEqual([]);
    expect(messages('self.tags.all(x, self.tags.exists(y, y == x))')).toEqual([
      expect.stringMatching(/may take \d+ steps/),
    ]);
  });

  it('throws nothing, whatever the source is, and evaluates what has types over anything', () => {
    const pieces = [
      'self.a',
      'self.text',
      '"x"',
      '1',
      '2.5',
      'null',
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      ',',
      '.',
    ];
    const operators = [
      ' + ',
      ' && ',
      ' ? ',
      ' : ',
      ' == ',
      '!',
      '-',
      ' in ',
      '.size()',
      '.all(x, ',
      'has(',
      "'",
    ];
    const sources = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc
        .array(fc.constantFrom(...pieces, ...operators), { maxLength: 12 })
        .map((all) => all.join('')),
    );
    const values = fc.dictionary(fc.constantFrom('a', 'b', 'sure', 'text', 'tags'), fc.jsonValue());
    fc.assert(
      fc.property(sources, values, (source, self) => {
        const result = checkCel(source, environment);
        if ('ok' in result) evaluateCel(result.ok, { self });
      }),
      { numRuns: 2_000 },
    );
  });

  it('puts thirty-two texts together and no more', () => {
    const sum = (count: number): string => Array(count).fill('self.text').join(' + ');
    expect(messages(`${sum(32)} == "a"`)).toEqual([]);
    expect(messages(`has(self.a) && (${sum(33)}).matches("a")`)).toEqual([
      'The expression may put 33 texts together; 32 are allowed.',
    ]);
    expect(messages(Array(40).fill('size(self.text)').join(' + '))).toEqual([]);
  });

  it('takes no more steps than it may, however long a list is', () => {
    const cel = checked('self.tags.all(x, x != "z")');
    expect(evaluateCel(cel, { self: { tags: Array(1_000).fill('a') } })).toBe(true);
    expect(evaluateCel(cel, { self: { tags: Array(100_000).fill('a') } })).toBe(undefined);
  });

  it('says twenty problems and no more', () => {
    expect(messages(Array(100).fill('nope').join(' && '))).toHaveLength(20);
  });

  it('says every problem that it can, with line and column', () => {
    const result = checkCel('self.nope == 1 &&\n  self.gone > 2', environment);
    expect(result).toMatchObject({
      problems: [
        { message: 'self has no field "nope".', line: 1, column: 5 },
        { message: 'self has no field "gone".', line: 2, column: 7 },
      ],
    });
  });
});

describe('an expression › null and no value', () => {
  const value = (source: string, self: object) =>
    evaluateCel(checked(source), { self: self as Record<string, unknown> });

  it('has none where CEL has an error, and && and || absorb it', () => {
    expect(value('self.a > 1', { a: null })).toBe(undefined);
    expect(value('self.a > 1 || self.sure == 1', { sure: 1 })).toBe(true);
    expect(value('self.a > 1 && self.sure == 2', { sure: 1 })).toBe(false);
    expect(value('self.a > 1 && self.sure == 1', { sure: 1 })).toBe(undefined);
    expect(value('!(self.a > 1)', {})).toBe(undefined);
    expect(value('self.a == null', {})).toBe(true);
    expect(value('self.a == self.b', {})).toBe(true);
    expect(value('self.a', {})).toBe(null);
    // As psql could leave it: neither a crash nor an answer.
    expect(value('"a" in self.tags', { tags: ['a', null] })).toBe(undefined);
    expect(value('self.sure * 2', { sure: '9223372036854775807' })).toBe(undefined);
    expect(value('has(self.a) ? self.a / self.sure : 0', { a: 1, sure: 0 })).toBe(undefined);
  });

  it('is refused in SQL where a null and no value look alike', () => {
    expect(sql('(self.sure == 1 ? null : self.sure + 1) == null')).toEqual({
      unsupported: expect.stringContaining('may be null and may have no value'),
    });
    expect(sql('self.sure in [self.a]')).toEqual({
      unsupported: expect.stringContaining('list'),
    });
    expect(sql('old.a == self.a')).toEqual({ unsupported: 'it uses old' });
  });

  it('is plain SQL where it can be', () => {
    expect(sql('self.sure == 1')).toEqual({ sql: `("sure" = '1'::bigint)`, type: 'bool' });
    expect(sql("self.text == 'it\\'s \\\\'")).toMatchObject({
      sql: `("text" is not distinct from  E'it''s \\\\'::text)`,
    });
  });
});

describe('a pattern in Postgres', () => {
  it.each([
    ['^[A-Z]{2,4}$', '^[A-Z]{2,4}$'],
    ['a.c', 'a[^\\n]c'],
    ['\\d\\.', '[0-9]\\.'],
    ['[\\w.-]+@x', '[0-9A-Za-z_\\.\\-]+\\@x'],
    ['(a|b)?c', '(?:a|b)?c'],
  ])('%s is said as %s', (pattern, said) => {
    expect(postgresPattern(pattern)).toBe(said);
  });

  it.each([
    ...[
      '(?i)a',
      'a*?',
      '\\bword',
      '\\pL',
      '(?P<n>a)',
      '[[:alpha:]]',
      'a{256}',
      '(a{40}){40}',
      'a||b',
      '()',
      '\\Qa',
    ],
  ])('%s is left to the API', (pattern) => {
    expect(postgresPattern(pattern)).toBe(undefined);
  });
});
