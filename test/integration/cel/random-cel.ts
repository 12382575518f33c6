import fc from 'fast-check';
import type { CelField } from '../../../src/cel/environment.ts';
import { actorFields, celField, requestFields } from '../../../src/cel/environment.ts';
import { decimal, double, instant, int, list, optional, text } from './random-values.ts';

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

/** What the caller brings along, by type; attributes take the type of what stands beside them. */
const callers = [...actorFields].map(([name, field]) => [`actor.${name}`, field] as const);
const requests = [...requestFields].map(([name, field]) => [`request.${name}`, field] as const);
const attributes = [
  'actor.attributes.one',
  'actor.attributes.many',
  'actor.attributes.constructor',
];

const ofType = (type: string): string[] => [
  ...[...fields].filter(([, field]) => field.type === type).map(([name]) => `self.${name}`),
  ...[...callers, ...requests].filter(([, field]) => field.type === type).map(([name]) => name),
  ...(type === 'string' ? attributes : []),
];

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
    ...[...attributes, 'actor.email', 'request.reason'].map((name) => [`has(${name})`] as [string]),
    // Beside each type an attribute is read as that type.
    ...['string', 'int', 'double', 'decimal', 'bool', 'timestamp', 'list(string)'].flatMap((type) =>
      attributes.map((name) => [`(%0 == ${name})`, type] as [string, string]),
    ),
    ...['int', 'decimal', 'timestamp'].flatMap((type) =>
      attributes.map((name) => [`(${name} >= %0)`, type] as [string, string]),
    ),
    ...attributes.map((name) => [`(%0 in ${name})`, 'string'] as [string, string]),
    ...attributes.map((name) => [`(%0 in ${name})`, 'int'] as [string, string]),
    ...['all', 'exists', 'exists_one'].flatMap((macro) => [
      [`%0.${macro}(x, x == %1)`, 'list(string)', 'string'] as [string, string, string],
      [`%0.${macro}(x, x >= %1 || %2)`, 'list(int)', 'int', 'bool'] as [string, ...string[]],
    ]),
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
  'list(string)': [
    ['(%0 + %1)', 'list(string)', 'list(string)'],
    ['%0.filter(x, x != %1)', 'list(string)', 'string'],
    ['%0.map(x, x + %1)', 'list(string)', 'string'],
    ['%0.map(x, string(x))', 'list(int)'],
  ],
  'list(int)': [
    ['(%0 + %1)', 'list(int)', 'list(int)'],
    ['%0.filter(x, x > %1)', 'list(int)', 'int'],
    ['%0.map(x, x % %1)', 'list(int)', 'int'],
    ['%0.map(x, size(x))', 'list(string)'],
  ],
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
