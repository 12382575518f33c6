import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planConversion } from '../../src/schema/conversion.ts';
import type { TestApi } from './api/test-api.ts';
import { openTestApi } from './api/test-api.ts';
import { connect } from './records/trail.ts';

let api: TestApi;
let superuser: pg.Client;

beforeAll(async () => {
  api = await openTestApi();
  superuser = await connect(api.database.superuserUrl);
});

afterAll(async () => {
  await superuser?.end();
  await api?.close();
});

/** What a value becomes, as text; undefined where it is refused. */
async function convert(from: string, to: string, value: string): Promise<string | undefined> {
  const conversion = planConversion(from, to);
  if (conversion === undefined) throw new Error(`no way from ${from} to ${to}`);
  const column = 's.v';
  const { rows } = await superuser.query(
    `select ${conversion.fits(column)} as fits from (select $1::${from} as v offset 0) s`,
    [value],
  );
  try {
    const { rows: converted } = await superuser.query(
      `select (${conversion.convert(column)})::text as v from (select $1::${from} as v offset 0) s`,
      [value],
    );
    expect(rows[0].fits).toBe(true);
    return converted[0].v;
  } catch (error) {
    expect((error as { code?: string }).code).toBe('23514');
    expect(rows[0].fits === true && !conversion.exact).toBe(false);
    return undefined;
  }
}

type Case = [from: string, to: string, value: string, becomes: string | undefined];

const double = 'double precision';
const cases: Case[] = [
  [double, 'numeric(20,2)', '9007199254740991', '9007199254740991.00'],
  [double, 'numeric(20,2)', '0.30000000000000004', undefined],
  [double, 'numeric(20,2)', '0.3', '0.30'],
  [double, 'numeric(20,2)', '1e18', undefined],
  [double, 'numeric(20,2)', 'Infinity', undefined],
  [double, 'numeric(20,2)', 'NaN', undefined],
  [double, 'numeric', '0.30000000000000004', '0.30000000000000004'],
  [double, 'numeric', '9007199254740991', '9007199254740991'],
  [double, 'text', '0.30000000000000004', '0.30000000000000004'],
  [double, 'bigint', '9007199254740992', '9007199254740992'],
  [double, 'bigint', '9007199254740994', undefined],
  ['bigint', double, '9007199254740993', undefined],
  ['bigint', 'text', '9007199254740993', '9007199254740993'],
  ['bigint', 'numeric', '9223372036854775807', '9223372036854775807'],
  ['numeric', double, '9007199254740993', undefined],
  ['numeric', double, '0.30000000000000004', '0.30000000000000004'],
  ['numeric', double, '1e400', undefined],
  ['numeric', double, '1e-400', undefined],
  ['numeric', 'bigint', '9007199254740993', '9007199254740993'],
  ['numeric', 'bigint', '9223372036854775808', undefined],
  ['numeric', 'text', '0.12345678901234567890123', '0.12345678901234567890123'],
  ['numeric', 'numeric(20,2)', '0.125', undefined],
  ['text', double, '9007199254740993', undefined],
  ['text', double, '9007199254740992', '9.007199254740992e+15'],
  ['text', double, '0.12345678901234567890123', undefined],
  ['text', double, '1.50', '1.5'],
  ['text', double, '00123', undefined],
  ['text', double, '1e400', undefined],
  ['text', double, '1e-400', undefined],
  ['text', double, 'NaN', undefined],
  ['text', 'bigint', '123', '123'],
  ['text', 'bigint', '-9223372036854775808', '-9223372036854775808'],
  ['text', 'bigint', '9223372036854775808', undefined],
  ['text', 'bigint', '00123', undefined],
  ['text', 'bigint', '-0', undefined],
  ['text', 'bigint', '1.0', undefined],
  ['text', 'numeric', '0.12345678901234567890123', '0.12345678901234567890123'],
  ['text', 'numeric', '00.5', undefined],
  ['text', 'numeric', '1e-20000', undefined],
  ['text', 'numeric(20,2)', '1.500', '1.50'],
  ['text', 'numeric(20,2)', '1.505', undefined],
  ['text', 'timestamptz', '2024-02-29T12:30:00.123456Z', '2024-02-29 12:30:00.123456+00'],
  ['text', 'timestamptz', '2024-02-29t12:30:00+02:00', '2024-02-29 10:30:00+00'],
  ['text', 'timestamptz', '2024-02-29T12:30:00.1234567Z', undefined],
  ['text', 'timestamptz', '2024-02-29T23:59:59.9999999Z', undefined],
  ['text', 'timestamptz', '2024-02-29T24:00:00Z', undefined],
  ['text', 'timestamptz', '2016-12-31T23:59:60Z', undefined],
  ['text', 'timestamptz', '2023-02-29T12:30:00Z', undefined],
  ['timestamptz', 'text', '2024-02-29T12:30:00.123456Z', '2024-02-29T12:30:00.123456Z'],
  ['timestamptz', 'text', '2024-02-29T10:00:00Z', '2024-02-29T10:00:00Z'],
  ['timestamptz', 'text', 'infinity', undefined],
  ['timestamptz', 'text', '0044-03-15 12:00:00Z BC', undefined],
  ['timestamptz', 'date', '2024-02-29T00:00:00.000001Z', undefined],
];

describe('a conversion', () => {
  it.each(cases)('from %s to %s: %s becomes %s', async (from, to, value, becomes) => {
    await superuser.query(`set time zone 'UTC'`);
    expect(await convert(from, to, value)).toBe(becomes);
  });

  it('never rounds where a session writes fewer digits of a double', async () => {
    await superuser.query('set extra_float_digits = 0');
    try {
      for (const to of ['numeric', 'numeric(20,2)', 'text']) {
        expect(await convert(double, to, '9007199254740991')).toBe(undefined);
      }
      for (const from of ['text', 'numeric']) {
        expect(await convert(from, double, '9007199254740993')).toBe(undefined);
      }
      expect(await convert('text', double, '0.25')).toBe('0.25');
    } finally {
      await superuser.query('reset extra_float_digits');
    }
  });
});
