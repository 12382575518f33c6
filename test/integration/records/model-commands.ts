import fc from 'fast-check';

/** Fields of a write; absent ones are not sent. */
export interface Fields {
  readonly code?: string | null;
  readonly quantity?: number | null;
  readonly tags?: string[] | null;
  readonly serial?: string | null;
}

/** Which record: the nth there is, or one that never was. */
export type Target = number | 'none';
/** What the caller believes about its version. */
export type Belief = 'current' | 'stale' | 'unsaid';

export interface Change {
  readonly target: Target;
  readonly belief: Belief;
  readonly fields: Fields;
}

export type Row =
  | { readonly op: 'create'; readonly fields: Fields }
  | ({ readonly op: 'update' } & Change)
  | ({ readonly op: 'delete' } & Change);

export type Command =
  | { readonly do: 'create'; readonly fields: Fields; readonly twice: boolean }
  | ({ readonly do: 'patch' } & Change)
  | ({ readonly do: 'put' } & Change)
  | ({ readonly do: 'delete' } & Change)
  | { readonly do: 'bulk'; readonly rows: readonly Row[]; readonly atomic: boolean }
  /** Many callers who read the same version change the record at once. */
  | { readonly do: 'race'; readonly target: Target; readonly callers: number }
  /** Many callers create with one unique value at once. */
  | { readonly do: 'rush'; readonly code: string; readonly callers: number }
  /** Somebody at psql. */
  | { readonly do: 'psql'; readonly target: Target; readonly quantity: number };

const codes = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const code = fc.option(fc.constantFrom(...codes));
const quantity = fc.option(fc.integer({ min: 0, max: 11 }));
const tags = fc.option(
  fc.array(fc.string({ unit: 'grapheme', maxLength: 3 }).filter(isPlain), { maxLength: 3 }),
);
const serial = fc.option(fc.constantFrom('s', 't'));

const fields: fc.Arbitrary<Fields> = fc.record(
  { code, quantity, tags, serial },
  { requiredKeys: [] },
) as fc.Arbitrary<Fields>;
/** A bulk's updates leave unique values alone: which of two that swap them wins is Postgres's plan's to say. */
const rowFields = fc.record(
  { quantity, tags, serial },
  { requiredKeys: [] },
) as fc.Arbitrary<Fields>;

const target: fc.Arbitrary<Target> = fc.oneof(
  { weight: 9, arbitrary: fc.nat(50) },
  { weight: 1, arbitrary: fc.constant('none' as const) },
);
const belief: fc.Arbitrary<Belief> = fc.oneof(
  { weight: 6, arbitrary: fc.constant('current' as const) },
  { weight: 2, arbitrary: fc.constant('stale' as const) },
  { weight: 1, arbitrary: fc.constant('unsaid' as const) },
);
const change = { target, belief, fields };
const row: fc.Arbitrary<Row> = fc.oneof(
  fc.record({ op: fc.constant('create' as const), fields }),
  fc.record({ op: fc.constant('update' as const), ...change, fields: rowFields }),
  fc.record({ op: fc.constant('delete' as const), ...change, fields: rowFields }),
);
const callers = fc.integer({ min: 2, max: 8 });

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('create' as const), fields, twice: fc.boolean() }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('patch' as const), ...change }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('put' as const), ...change }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), ...change }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('bulk' as const),
      rows: fc.array(row, { maxLength: 8 }),
      atomic: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('race' as const), target, callers }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('rush' as const),
      code: fc.constantFrom(...codes),
      callers,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('psql' as const),
      target,
      quantity: fc.integer({ min: 0, max: 9 }),
    }),
  },
);

export const commands: fc.Arbitrary<Command[]> = fc.array(command, { minLength: 1, maxLength: 40 });

/** What JSON and Postgres both carry: no NUL, no half of a pair. */
function isPlain(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}
