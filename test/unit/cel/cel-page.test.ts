import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { describe, expect, it } from 'vitest';
import { checkCel } from '../../../src/cel/check.ts';
import { decimalText } from '../../../src/cel/decimal.ts';
import { actorFields, celField, requestFields } from '../../../src/cel/environment.ts';
import { evaluateCel } from '../../../src/cel/evaluate.ts';
import { overloads } from '../../../src/cel/functions/catalogue.ts';
import { instantText } from '../../../src/cel/instant.ts';
import { celToSql } from '../../../src/cel/to-sql.ts';
import { quoteIdentifier, quoteLiteral } from '../../../src/schema/identifier.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/cel.md'), 'utf8');

/** Rows of the table under a heading, cells without their backticks. */
function rowsUnder(heading: string): string[][] {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  return section
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.slice(2, -2).replaceAll('\\|', '\u0000').split(' | '))
    .map((cells) => cells.map((cell) => cell.replaceAll('\u0000', '|').replace(/^`(.*)`$/, '$1')));
}

const functions = rowsUnder('Functions and operators').map(
  ([form = '', types = '', example = '', gives = '']) => ({ form, types, example, gives }),
);

const environment = new Map([
  [
    'self',
    new Map([
      ['absent', celField('text', true)],
      ['text', celField('text', true)],
      ['ratio', celField('double precision', true)],
      ['extra', celField('jsonb', true)],
      ['tags', celField('text[]', true)],
    ]),
  ],
  ['actor', actorFields],
  ['request', requestFields],
]);

function checked(source: string) {
  const result = checkCel(source, environment);
  if ('problems' in result) throw new Error(`${source}: ${JSON.stringify(result.problems)}`);
  return result.ok;
}

/** `a + b` → `_+_`, `a.size()` → `size`. */
function nameOf(form: string): string {
  const operator = /^a (\S+) b$/.exec(form)?.[1];
  if (operator !== undefined) return `_${operator}_`;
  return form === '-a' ? '-_' : (/(\w+)\(/.exec(form)?.[1] ?? form);
}

const signature = /^((?:\w+, )*\w+) → (\w+)( \(API only\))?$/;

describe('docs/cel.md', () => {
  it('has every function with every type that it takes, and no other', () => {
    const inCode = [...overloads.values()]
      .flat()
      .filter(({ name }) => !['_<=_', '_>_', '_>=_'].includes(name))
      .map(
        ({ name, params, result, sql }) =>
          `${name} ${params.join(', ')} → ${result}${sql === undefined ? ' (API only)' : ''}`,
      );
    const onPage = functions
      .filter(({ form }) => overloads.has(nameOf(form)))
      .flatMap(({ form, types }) =>
        types
          .replace(/, (in code points|from [01].*)$/, '')
          .split('; ')
          .map((one) => one.replace(/, in code points$/, ''))
          .filter((one) => signature.test(one))
          .map((one) => `${nameOf(form)} ${one}`),
      );
    expect(onPage.sort()).toEqual(inCode.sort());
    const forms = functions.map(({ form }) => nameOf(form));
    expect([...overloads.keys()].filter((name) => !forms.includes(name))).toEqual([]);
  });

  it.each(functions)('gives $gives for $example', ({ example, gives, types }) => {
    const cel = checked(example);
    const value = evaluateCel(cel, { self: {} });
    const shown =
      cel.type === 'decimal'
        ? decimalText(value as never)
        : cel.type === 'timestamp'
          ? instantText(value as bigint)
          : String(value);
    expect(shown).toBe(gives);
    const compiled = celToSql(cel, quoteIdentifier, quoteLiteral);
    if (/^[^;]*\((API only|not in a CHECK)\)$/.test(types)) {
      expect(compiled).toHaveProperty('unsupported');
      const inStatement = { parameterOf: () => 'null' };
      const there = celToSql(cel, quoteIdentifier, quoteLiteral, inStatement);
      expect('sql' in there).toBe(types.endsWith('(not in a CHECK)'));
    } else expect(compiled).toHaveProperty('sql');
  });

  it('agrees with the evaluator of @bufbuild/cel wherever that has the types', () => {
    let compared = 0;
    for (const { example, gives } of functions) {
      if (example.includes('decimal') || example.includes('absent')) continue;
      const theirs = run(example, {}, { funcs: strings }) as unknown;
      const type = checked(example).type;
      if (type === 'timestamp') continue;
      expect(String(theirs), example).toBe(gives);
      compared++;
    }
    expect(compared).toBeGreaterThan(40);
  });

  it('says of the misuse of each function what is said', () => {
    const misuses = rowsUnder("What is said of a function's misuse");
    expect(misuses.map(([form]) => form)).toEqual(functions.map(({ form }) => form));
    for (const [, source = '', message = ''] of misuses) {
      const result = checkCel(source, environment);
      const said = 'problems' in result ? result.problems.map((problem) => problem.message) : [];
      expect(said, source).toContain(message);
    }
  });

  it('says of each mistake what is said', () => {
    for (const [source = '', message = ''] of rowsUnder('What is said of a mistake')) {
      const result = checkCel(source, environment);
      const said = 'problems' in result ? result.problems.map((problem) => problem.message) : [];
      expect(said, source).toContain(message);
    }
  });
});
