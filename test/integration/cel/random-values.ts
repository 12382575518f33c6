import fc from 'fast-check';

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
export const text = fc.oneof(
  fc.constantFrom(...texts),
  fc
    .string({ unit: 'grapheme', maxLength: 4 })
    .filter((one) => !one.includes('\0') && one.isWellFormed()),
);
export const int = fc.oneof(
  fc.integer({ min: -3, max: 3 }).map(BigInt),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n),
);
export const double = fc.oneof(
  fc.constantFrom(0, 0.1, -0.5, 1, 2, 1e200, 1e-200, 9007199254740992, 3e18),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
export const decimal = fc.oneof(
  fc.constantFrom('0', '0.1', '-0.50', '1', '9223372036854775808'),
  fc
    .tuple(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }), fc.nat(9))
    .map(([units, scale]) => `${units}.${'0'.repeat(scale)}1`),
);
const micros = fc.integer({ min: 0, max: 999_999 });
export const instant = fc
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
export const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 3 });
export const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 3, nil: null });

const attribute = fc.oneof(
  text,
  fc.integer({ min: -3, max: 3 }),
  fc.boolean(),
  double,
  decimal,
  instant,
  list(text),
  fc.constantFrom(null, {}, [], [1, 2], ['a', 1], 'a\0b'),
);

/** Who asks and how, as the API knows it; what is optional there may be missing here. */
export const randomCallers = fc
  .record({
    actor: fc.record(
      { id: text, type: fc.constantFrom('user', 'service'), organisation: text, roles: list(text) },
      { requiredKeys: ['id', 'type', 'organisation', 'roles'] },
    ),
    email: fc.option(text, { nil: undefined }),
    attributes: fc.record({ one: attribute, many: attribute }, { requiredKeys: [] }),
    request: fc.record({
      operation: fc.constantFrom('read', 'history'),
      method: fc.constantFrom('GET', 'POST'),
      address: fc.ipV4(),
      time: instant,
      reason: fc.option(text, { nil: undefined }),
      ticket: fc.option(text, { nil: undefined }),
    }),
  })
  .map(({ actor, email, attributes: given, request }) => ({
    actor: { ...actor, email },
    'actor.attributes': Object.assign(Object.create(null), given) as Record<string, unknown>,
    request,
  }));
