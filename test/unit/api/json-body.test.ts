import { describe, expect, it } from 'vitest';
import { parseJsonBody, parseNdjsonBody } from '../../../src/api/json/parse-json-body.ts';
import type { Problem, VelocityError } from '../../../src/errors.ts';

function problemsOf(parse: () => unknown): Problem[] {
  try {
    parse();
  } catch (error) {
    return (error as VelocityError).details?.['problems'] as Problem[];
  }
  return [];
}

const refused: [name: string, text: string, pointer: string, rule: string][] = [
  ['a nesting of 33', `${'['.repeat(33)}${']'.repeat(33)}`, '', 'depth'],
  ['a depth bomb', '{"a":'.repeat(100_000), '', 'depth'],
  ['__proto__', '{"a":[{"__proto__":{"admin":true}}]}', '/a/0/__proto__', 'forbidden-member'],
  ['an escaped __proto__', '{"\\u005f_proto__":1}', '/__proto__', 'forbidden-member'],
  ['constructor', '{"constructor":{"prototype":{}}}', '/constructor', 'forbidden-member'],
  ['an escaped NUL', '{"a":{"b/c":"x\\u0000"}}', '/a/b~1c', 'no-nul'],
  ['NUL in a name', '{"a":{"x\\u0000":1}}', '/a', 'no-nul'],
  ['a raw NUL', '{"a":"\0"}', '', 'json'],
  ['a lone surrogate', '["\\ud83d"]', '/0', 'well-formed-unicode'],
  ['an integer beyond 2^53', '{"n":[1,9007199254740993]}', '/n/1', 'number-precision'],
  ['more digits than a double has', '{"n":0.12345678901234567890}', '/n', 'number-precision'],
  ['a number that becomes infinite', '{"n":1e400}', '/n', 'number-precision'],
  ['a number that becomes zero', '{"n":-1E-400}', '/n', 'number-precision'],
  ['a member twice', '{"a":{"b":1,"c":2,"b":1}}', '/a/b', 'unique-member'],
  ['a member twice, once escaped', '{"a":1,"\\u0061":2}', '/a', 'unique-member'],
  ['what is not JSON', '{"a":1', '', 'json'],
  ['a byte order mark', '\ufeff{}', '', 'json'],
];

describe('JSON bodies', () => {
  it.each(refused)('refuse %s', (_name, text, pointer, rule) => {
    const problems = problemsOf(() => parseJsonBody(Buffer.from(text)));
    expect(problems).toEqual([expect.objectContaining({ pointer, rule })]);
  });

  it('refuse bytes that are not UTF-8', () => {
    const bytes = Buffer.from([0x22, 0xc3, 0x28, 0x22]);
    expect(problemsOf(() => parseJsonBody(bytes))).toEqual([
      expect.objectContaining({ rule: 'utf-8' }),
    ]);
  });

  it('name every number and every repeated member at once', () => {
    const text = '{"a":12345678901234567890,"b":1,"b":2,"c":[1e999]}';
    const pointers = problemsOf(() => parseJsonBody(Buffer.from(text))).map((p) => p.pointer);
    expect(pointers).toEqual(['/a', '/b', '/c/0']);
  });

  const accepted: unknown[] = [
    { nested: { emoji: '😀', text: 'a:b,{"c":1}', quote: 'say \\"__proto__\\"' } },
    { constructors: ['constructor', '__proto__'], escaped: 'tab\t nul-ish \\u0000' },
    [0.1, 1.7976931348623157e308, -0.5, 9007199254740991, 1e21, 5e-324, 0.30000000000000004],
    { empty: {}, list: [], '': null, true: true, 'a:b': { 'a:b': false } },
    [['['.repeat(50)]],
  ];
  it.each(accepted.map((value) => [JSON.stringify(value), value]))('accept %s', (text, value) => {
    expect(parseJsonBody(Buffer.from(text as string))).toEqual(value);
  });

  it.each(['1e3', '1.50', '100E-2', '-0.0', '123456789012345600000'])(
    'accept the number %s, which a double keeps',
    (text) => {
      expect(parseJsonBody(Buffer.from(`[ ${text} ]`))).toEqual([Number(text)]);
    },
  );
});

describe('NDJSON bodies', () => {
  it('hold one value a line and skip blank ones', () => {
    expect(parseNdjsonBody(Buffer.from('{"a":1}\n\n  \r\n{"a":2}\r\n'), 10)).toEqual([
      { a: 1 },
      { a: 2 },
    ]);
  });

  it('name the row of a problem', () => {
    const bytes = Buffer.from('{"a":1}\n{"a":{"__proto__":1}}');
    expect(problemsOf(() => parseNdjsonBody(bytes, 10))).toEqual([
      expect.objectContaining({ pointer: '/1/a/__proto__' }),
    ]);
  });

  it('are bounded in rows', () => {
    expect(problemsOf(() => parseNdjsonBody(Buffer.from('1\n2\n3'), 2))).toEqual([
      expect.objectContaining({ pointer: '/2', rule: 'max-rows' }),
    ]);
  });
});
