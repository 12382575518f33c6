import fc from 'fast-check';
import type { CelField } from '../../../src/cel/environment.ts';
import { celField } from '../../../src/cel/environment.ts';

/** Column types of the table that expressions are over; `_r` is never null. */
export const columns: Readonly<Record<string, string>> = {
  text: 'text',
  other: 'text',
  text_r: 'text',
  count: 'bigint',
  other_count: 'bigint',
  count_r: 'bigint',
  ratio: 'double precision',
  ratio_r: 'double precision',
  price: 'numeric',
  price_r: 'numeric(12,2)',
  flag: 'boolean',
  flag_r: 'boolean',
  at: 'timestamptz',
  at_r: 'timestamptz',
  day: 'date',
  key: 'uuid',
  tags: 'text[]',
  numbers: 'bigint[]',
  place: 'point',
  extra: 'jsonb',
};

export const fields: ReadonlyMap<string, CelField> = new Map(
  Object.entries(columns).map(([name, type]) => [name, celField(type, !name.endsWith('_r'))]),
);

const ofType = (type: string): string[] =>
  [...fields].filter(([, field]) => field.type === type).map(([name]) => `self.${name}`);

const texts = [
  '',
  'a',
  'ab',
  'Äb',
  'z',
  '\u{ffff}',
  '\u{1f600}',
  '10',
  '-7',
  '1.50',
  'a\nb',
  "o'\\x",
  '2026-01-31T10:00:00.5Z',
  '2026-02-30T10:00:00Z',
];
const text = fc.oneof(
  fc.constantFrom(...texts),
  fc
    .string({ unit: 'grapheme', maxLength: 4 })
    .filter((one) => !one.includes('\0') && one.isWellFormed()),
);
const int = fc.oneof(
  fc.integer({ min: -3, max: 3 }).map(BigInt),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n),
);
const double = fc.oneof(
  fc.constantFrom(0, 0.1, -0.5, 1, 2, 1e200, 1e-200, 9007199254740992, 3e18),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const decimal = fc.oneof(
  fc.constantFrom('0', '0.1', '-0.50', '1', '9223372036854775808'),
  fc
    .tuple(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }), fc.nat(9))
    .map(([units, scale]) => `${units}.${'0'.repeat(scale)}1`),
);
const micros = fc.integer({ min: 0, max: 999_999 });
const instant = fc
  .tuple(
    fc.date({
      min: new Date('0001-01-02T00:00:00Z'),
      max: new Date('9999-12-30T00:00:00Z'),
      noInvalidDate: true,
    }),
    micros,
  )
  .map(
    ([date, fraction]) =>
      `${date.toISOString().slice(0, 19)}.${String(fraction).padStart(6, '0')}Z`,
  );
const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 3 });
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 3, nil: null });

/** A record as the API would have it. */
export const records = fc.record({
  text: optional(text),
  other: optional(text),
  text_r: text,
  count: optional(int.map(String)),
  other_count: optional(int.map(String)),
  count_r: int.map(String),
  ratio: optional(double),
  ratio_r: double,
  price: optional(decimal),
  price_r: fc.integer({ min: -10_000, max: 10_000 }).map((cents) => (cents / 100).toFixed(2)),
  flag: optional(fc.boolean()),
  flag_r: fc.boolean(),
  at: optional(instant),
  at_r: instant,
  day: optional(instant.map((one) => one.slice(0, 10))),
  key: optional(fc.uuid()),
  tags: optional(list(text)),
  numbers: optional(list(int.map(String))),
  place: optional(
    fc.record({ lat: fc.constantFrom(-90, 0.5, 47.25), lon: fc.constantFrom(-8.5, 8.5) }),
  ),
  extra: optional(fc.constantFrom({ a: 1 }, [1], 'text')),
});

const literals: Readonly<Record<string, fc.Arbitrary<string>>> = {
  string: text.map((one) => celText(one)),
  int: int.map(String),
  double: double.map((one) =>
    Math.abs(one) < 1e15 && Number.isInteger(one) ? one.toFixed(1) : one.toExponential(),
  ),
  decimal: decimal.map((one) => `decimal(${celText(one)})`),
  bool: fc.constantFrom('true', 'false'),
  timestamp: instant.map((one) => `timestamp("${one}")`),
  duration: fc.constantFrom(
    'duration("0s")',
    'duration("1h30m")',
    'duration("-0.000001s")',
    'duration("87600000h")',
  ),
  'list(string)': list(text)
    .filter((one) => one.length > 0)
    .map((one) => `[${one.map(celText)}]`),
  'list(int)': list(int)
    .filter((one) => one.length > 0)
    .map((one) => `[${one}]`),
};

function celText(value: string): string {
  return JSON.stringify(value).replaceAll('\u007f', '\\u007f');
}

const orders = ['<', '<=', '>', '>='];
const numeric = ['int', 'double', 'decimal'];
const patterns = [
  '^a',
  'b$',
  '^[a-z]+$',
  '(?:a|Ä)b?',
  '.',
  '^.{2}$',
  '\\\\d+',
  '^-?\\\\d{1,3}(\\\\.\\\\d\\\\d)?$',
  '[^a-z]',
  "'",
  '^\\\\s*$',
  '\\\\w',
  '^$|z',
];

/** How an expression of each type is made of others; `%0` is the first part. */
const forms: Readonly<Record<string, readonly (readonly [string, ...string[]])[]>> = {
  bool: [
    ['(%0 && %1)', 'bool', 'bool'],
    ['(%0 || %1)', 'bool', 'bool'],
    ['!%0', 'bool'],
    ...['string', 'int', 'double', 'decimal', 'bool', 'timestamp', 'duration'].flatMap((type) => [
      ...orders.map((order) => [`(%0 ${order} %1)`, type, type] as [string, string, string]),
      [`(%0 == %1)`, type, type] as [string, string, string],
      [`(%0 != %1)`, type, type] as [string, string, string],
    ]),
    ...numeric.flatMap((a) =>
      numeric.flatMap((b) =>
        ['<', '==', '!=', '>='].map(
          (order) => [`(%0 ${order} %1)`, a, b] as [string, string, string],
        ),
      ),
    ),
    ['(%0 == null)', 'string'],
    ['(%0 != null)', 'int'],
    ['(null == %0)', 'timestamp'],
    ['(%0 == %1)', 'list(string)', 'list(string)'],
    ['(%0 in %1)', 'string', 'list(string)'],
    ['(%0 in %1)', 'int', 'list(int)'],
    ['(%0 in [%1, %2])', 'string', 'string', 'string'],
    ['%0.startsWith(%1)', 'string', 'string'],
    ['%0.endsWith(%1)', 'string', 'string'],
    ['%0.contains(%1)', 'string', 'string'],
    ...patterns.map((pattern) => [`%0.matches("${pattern}")`, 'string'] as [string, string]),
    ...[...fields.keys()].map((name) => [`has(self.${name})`] as [string]),
  ],
  string: [
    ['(%0 + %1)', 'string', 'string'],
    ['%0.lowerAscii()', 'string'],
    ['%0.upperAscii()', 'string'],
    ...['int', 'bool', 'decimal', 'timestamp', 'string'].map(
      (type) => ['string(%0)', type] as [string, string],
    ),
    ['self.tags[0]'],
    ['%0[1]', 'list(string)'],
  ],
  int: [
    ...['+', '-', '*', '/', '%'].map(
      (operator) => [`(%0 ${operator} %1)`, 'int', 'int'] as [string, string, string],
    ),
    ['-(%0)', 'int'],
    ['size(%0)', 'string'],
    ['%0.size()', 'list(string)'],
    ...['int', 'double', 'decimal', 'string', 'timestamp'].map(
      (type) => ['int(%0)', type] as [string, string],
    ),
    ...[
      'FullYear',
      'Month',
      'Date',
      'DayOfMonth',
      'DayOfWeek',
      'DayOfYear',
      'Hours',
      'Minutes',
      'Seconds',
      'Milliseconds',
    ].map((name) => [`%0.get${name}()`, 'timestamp'] as [string, string]),
  ],
  double: [
    ...['+', '-', '*', '/'].map(
      (operator) => [`(%0 ${operator} %1)`, 'double', 'double'] as [string, string, string],
    ),
    ['-(%0)', 'double'],
    ...['int', 'double', 'decimal', 'string'].map(
      (type) => ['double(%0)', type] as [string, string],
    ),
    ['self.place.lat'],
    ['self.place.lon'],
  ],
  decimal: [
    ...['+', '-', '*'].map(
      (operator) => [`(%0 ${operator} %1)`, 'decimal', 'decimal'] as [string, string, string],
    ),
    ['-(%0)', 'decimal'],
    ...['int', 'double', 'decimal', 'string'].map(
      (type) => ['decimal(%0)', type] as [string, string],
    ),
  ],
  timestamp: [
    ['(%0 + %1)', 'timestamp', 'duration'],
    ['(%1 + %0)', 'timestamp', 'duration'],
    ['(%0 - %1)', 'timestamp', 'duration'],
    ['timestamp(%0)', 'string'],
  ],
  duration: [
    ['(%0 - %1)', 'timestamp', 'timestamp'],
    ['(%0 + %1)', 'duration', 'duration'],
    ['(%0 - %1)', 'duration', 'duration'],
  ],
  'list(string)': [['(%0 + %1)', 'list(string)', 'list(string)']],
  'list(int)': [['(%0 + %1)', 'list(int)', 'list(int)']],
};

/** Sources of one type, nested at most `depth` deep. */
export function expressions(type: string, depth: number): fc.Arbitrary<string> {
  const literal = literals[type] ?? fc.constant('null');
  const named = ofType(type);
  const leaf =
    named.length === 0
      ? literal
      : fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...named) }, literal);
  if (depth === 0) return leaf;
  const made = fc
    .constantFrom(...(forms[type] ?? []))
    .chain(([form, ...parts]) =>
      fc
        .tuple(...parts.map((part) => expressions(part, depth - 1)))
        .map((sources) => form.replace(/%(\d)/g, (_, place) => sources[Number(place)] ?? '')),
    );
  const chosen = fc
    .tuple(
      expressions('bool', depth - 1),
      expressions(type, depth - 1),
      fc.oneof({ weight: 4, arbitrary: expressions(type, depth - 1) }, fc.constant('null')),
    )
    .map(([condition, a, b]) => `(${condition} ? ${a} : ${b})`);
  return fc.oneof(
    { weight: 1, arbitrary: leaf },
    { weight: 5, arbitrary: made },
    { weight: 1, arbitrary: chosen },
  );
}

export const expressionTypes = Object.keys(forms);

const atoms = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'ä',
    '\u{1f600}',
    '.',
    '\\d',
    '\\w',
    '\\s',
    '\\.',
    '\\\\',
    "'",
    '-',
    ' ',
    '/',
    '@',
  ),
  fc.constantFrom(
    '[ab]',
    '[^a]',
    '[a-c-]',
    '[\\w.]',
    '[^\\d]',
    '[\\]a]',
    '[ä-ü]',
    '[.*]',
    '[^\\s\\-]',
  ),
);
const counts = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,}', '{0,2}');

/** Patterns of RE2, most of which Postgres takes too. */
export const randomPatterns: fc.Arbitrary<string> = fc.letrec<{
  alternatives: string;
  part: string;
}>((tie) => ({
  part: fc.oneof(
    { weight: 5, arbitrary: fc.tuple(atoms, counts).map(([atom, count]) => atom + count) },
    { weight: 1, arbitrary: fc.constantFrom('^', '$') },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom('(', '(?:'), tie('alternatives'), counts)
        .map(([open, inside, count]) => `${open}${inside})${count}`),
    },
  ),
  alternatives: fc.oneof(
    { depthSize: 'small' },
    fc.array(tie('part'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('')),
    fc.tuple(tie('part'), tie('alternatives')).map(([a, b]) => `${a}|${b}`),
  ),
})).alternatives;

export const matchedTexts = fc.oneof(
  fc.constantFrom(
    '',
    'a',
    'ab',
    'a\nb',
    '\n',
    '12',
    'a-b',
    '\u{1f600}',
    'ä',
    ' .',
    '\u0660',
    '\u00a0',
  ),
  fc.string({
    unit: fc.constantFrom('a', 'b', 'c', 'ä', '\u{1f600}', '1', '.', '-', '\n', ' ', '\\', "'"),
    maxLength: 6,
  }),
);
