import { describe, expect, it } from 'vitest';
import { evaluateExpression, newEvaluationTime } from '../../../src/auth/evaluate-expression.ts';
import { checkCel } from '../../../src/cel/check.ts';
import { celField } from '../../../src/cel/environment.ts';
import { evaluateCel } from '../../../src/cel/evaluate.ts';
import { mayTakeLong } from '../../../src/cel/work.ts';

const environment = new Map([
  [
    'self',
    new Map([
      ['text', celField('text', false)],
      ['other', celField('text', false)],
      ['tags', celField('text[]', false)],
      ['count', celField('bigint', false)],
    ]),
  ],
]);

function checked(source: string) {
  const result = checkCel(source, environment);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.ok;
}

/** Forty times through a text. */
const slow = checked(
  `${Array(40).fill('size(self.text) > 0').join(' && ')} && self.text.matches("^(ab|cd)*$")`,
);
const long = { self: { text: 'abcd'.repeat(250_000) } };

function timed<T>(run: () => T): { value: T; ms: number } {
  const before = performance.now();
  const value = run();
  return { value, ms: performance.now() - before };
}

describe('an evaluation', () => {
  it('is stopped after its time, and then has no value', () => {
    const { value, ms } = timed(() => evaluateExpression(slow, long, newEvaluationTime()));
    expect(value).toBe(undefined);
    // 10 ms, and room for a machine that does other things at once.
    expect(ms).toBeLessThan(1_000);
    expect(evaluateExpression(slow, { self: { text: 'abc' } }, newEvaluationTime())).toBe(false);
  });

  it('leaves the expression whole for whoever asks next', () => {
    const pattern = checked('self.text.matches("^(ab|cd|a.*x)*$")');
    for (let round = 0; round < 5; round++) {
      const time = newEvaluationTime(1);
      for (const expression of [slow, pattern]) evaluateExpression(expression, long, time);
      for (const expression of [slow, pattern]) {
        const small = { self: { text: 'abcd'.repeat(20) } };
        expect(evaluateExpression(expression, small, newEvaluationTime())).toBe(true);
      }
    }
  });

  it('takes no more of a request than its share, however often it is asked', () => {
    const time = newEvaluationTime();
    const { ms } = timed(() => {
      for (let row = 0; row < 10_000; row++) evaluateExpression(slow, long, time);
    });
    expect(time.leftMs).toBeLessThan(1);
    expect(ms).toBeLessThan(2_000);
  });

  it('finds a text in a text in linear time', () => {
    const contains = checked('self.text.contains(self.other)');
    const half = 'a'.repeat(100_000);
    const hostile = { text: 'a'.repeat(500_000), other: `${half}b${half}` };
    const { value, ms } = timed(() =>
      evaluateExpression(contains, { self: hostile }, newEvaluationTime()),
    );
    expect([false, undefined]).toContain(value);
    // V8's own search takes 38 s for these.
    expect(ms).toBeLessThan(1_000);
    const texts = (text: string, other: string) => evaluateCel(contains, { self: { text, other } });
    expect(texts(`${'ab'.repeat(50_000)}aab`, 'ab'.repeat(200))).toBe(true);
    expect(texts('ab'.repeat(50_000), `${'ab'.repeat(200)}b`)).toBe(false);
    expect(texts(`${'aab'.repeat(30_000)}aaab${'aab'.repeat(90)}`, `aaab${'aab'.repeat(90)}`)).toBe(
      true,
    );
  });

  it('goes without a guard where its input is small, whatever it looks at', () => {
    const free = (source: string, self: object) =>
      mayTakeLong(checked(source), { self: self as Record<string, unknown> });
    const small = { text: 'a'.repeat(200), other: 'b', tags: ['a', 'b'], count: 7 };
    expect(free('self.count > 5 && self.count < 10', small)).toBe(false);
    expect(free('self.text == "a" || self.text.startsWith("b")', small)).toBe(false);
    expect(free('self.text.matches("^[A-Z]{3}$")', small)).toBe(false);
    expect(free('self.tags.all(t, t != self.other)', small)).toBe(false);
    expect(free('self.text.matches("^[A-Z]{3}$")', long.self)).toBe(true);
    const many = { ...small, tags: Array.from({ length: 1_000 }, (_, n) => `tag ${n}`) };
    expect(free('self.tags.all(t, t != self.other && t != "x" && t != "y")', many)).toBe(true);
  });
});
