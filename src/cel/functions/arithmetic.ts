import { addDecimal, multiplyDecimal, negateDecimal } from '../decimal.ts';
import { withinTime } from '../instant.ts';
import type { Overload } from './overload.ts';
import { infix } from './overload.ts';

const bits = 64;

function int(value: bigint): bigint | undefined {
  return BigInt.asIntN(bits, value) === value ? value : undefined;
}

/**
 * Doubles are calculated with between these and 0, where no result can leave the range of a double:
 * Postgres raises an error there, and JavaScript answers Infinity or 0.
 */
const doubleMax = 1e150;
const doubleMin = 1e-150;

function double(a: number, b: number, value: number): number | undefined {
  const calm = [a, b].every((one) => {
    const size = Math.abs(one);
    return size === 0 || (size >= doubleMin && size <= doubleMax);
  });
  return calm ? value : undefined;
}

/** A function of migration 0015, which answers NULL where the operator would raise an error. */
function guarded(name: string): (...args: string[]) => string {
  return (...args) => `platform.cel_${name}(${args.join(', ')})`;
}

const plain = (operator: string) => (a: string, b: string) => `(${a} ${operator} ${b})`;

export const arithmetic: readonly Overload[] = [
  infix('+', ['int', 'int'], 'int', {
    evaluate: (a: bigint, b: bigint) => int(a + b),
    sql: guarded('add'),
    total: false,
  }),
  infix('-', ['int', 'int'], 'int', {
    evaluate: (a: bigint, b: bigint) => int(a - b),
    sql: guarded('subtract'),
    total: false,
  }),
  infix('*', ['int', 'int'], 'int', {
    evaluate: (a: bigint, b: bigint) => int(a * b),
    sql: guarded('multiply'),
    total: false,
  }),
  infix('/', ['int', 'int'], 'int', {
    evaluate: (a: bigint, b: bigint) => (b === 0n ? undefined : int(a / b)),
    sql: guarded('divide'),
    total: false,
  }),
  infix('%', ['int', 'int'], 'int', {
    evaluate: (a: bigint, b: bigint) => (b === 0n ? undefined : a % b),
    sql: guarded('modulo'),
    total: false,
  }),
  infix('+', ['double', 'double'], 'double', {
    evaluate: (a: number, b: number) => double(a, b, a + b),
    sql: guarded('add'),
    total: false,
  }),
  infix('-', ['double', 'double'], 'double', {
    evaluate: (a: number, b: number) => double(a, b, a - b),
    sql: guarded('subtract'),
    total: false,
  }),
  infix('*', ['double', 'double'], 'double', {
    evaluate: (a: number, b: number) => double(a, b, a * b),
    sql: guarded('multiply'),
    total: false,
  }),
  infix('/', ['double', 'double'], 'double', {
    evaluate: (a: number, b: number) => (b === 0 ? undefined : double(a, b, a / b)),
    sql: guarded('divide'),
    total: false,
  }),
  infix('+', ['decimal', 'decimal'], 'decimal', {
    evaluate: addDecimal,
    sql: guarded('add'),
    total: false,
  }),
  infix('-', ['decimal', 'decimal'], 'decimal', {
    evaluate: (a, b) => addDecimal(a, negateDecimal(b)),
    sql: guarded('subtract'),
    total: false,
  }),
  infix('*', ['decimal', 'decimal'], 'decimal', {
    evaluate: multiplyDecimal,
    sql: guarded('multiply'),
    total: false,
  }),
  {
    ...{ name: '-_', params: ['int'], result: 'int', style: 'operator', total: false },
    evaluate: (a: bigint) => int(-a),
    sql: (a) => `platform.cel_subtract(0::bigint, ${a})`,
  },
  {
    ...{ name: '-_', params: ['double'], result: 'double', style: 'operator', total: true },
    evaluate: (a: number) => -a,
    sql: (a) => `(- ${a})`,
  },
  {
    ...{ name: '-_', params: ['decimal'], result: 'decimal', style: 'operator', total: true },
    evaluate: negateDecimal,
    sql: (a) => `(- ${a})`,
  },
  infix('+', ['string', 'string'], 'string', {
    evaluate: (a: string, b: string) => a + b,
    sql: plain('||'),
    total: true,
  }),
  infix('+', ['timestamp', 'duration'], 'timestamp', {
    evaluate: (a: bigint, b: bigint) => withinTime(a + b),
    sql: guarded('add'),
    total: false,
  }),
  infix('+', ['duration', 'timestamp'], 'timestamp', {
    evaluate: (a: bigint, b: bigint) => withinTime(a + b),
    sql: (a, b) => `platform.cel_add(${b}, ${a})`,
    total: false,
  }),
  infix('-', ['timestamp', 'duration'], 'timestamp', {
    evaluate: (a: bigint, b: bigint) => withinTime(a - b),
    sql: (a, b) => `platform.cel_add(${a}, platform.cel_subtract(0::bigint, ${b}))`,
    total: false,
  }),
  infix('-', ['timestamp', 'timestamp'], 'duration', {
    evaluate: (a: bigint, b: bigint) => a - b,
    sql: guarded('subtract'),
    total: true,
  }),
  infix('+', ['duration', 'duration'], 'duration', {
    evaluate: (a: bigint, b: bigint) => int(a + b),
    sql: guarded('add'),
    total: false,
  }),
  infix('-', ['duration', 'duration'], 'duration', {
    evaluate: (a: bigint, b: bigint) => int(a - b),
    sql: guarded('subtract'),
    total: false,
  }),
];
