import fc from 'fast-check';
import type pg from 'pg';
import { RE2JS } from 're2js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Decimal } from '../../../src/cel/cel-type.ts';
import type { CheckedCel } from '../../../src/cel/check.ts';
import { checkCel } from '../../../src/cel/check.ts';
import { decimalText, parseDecimal } from '../../../src/cel/decimal.ts';
import { actorFields, requestFields } from '../../../src/cel/environment.ts';
import type { CelBindings } from '../../../src/cel/evaluate.ts';
import { evaluateCel, fieldValue } from '../../../src/cel/evaluate.ts';
import { instantText } from '../../../src/cel/instant.ts';
import { postgresPattern } from '../../../src/cel/postgres-pattern.ts';
import { sqlParameter, sqlTypes } from '../../../src/cel/sql-value.ts';
import type { InStatement } from '../../../src/cel/to-sql.ts';
import { celToSql, conditionToSql } from '../../../src/cel/to-sql.ts';
import { quoteLiteral } from '../../../src/schema/identifier.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { corpus } from '../../unit/cel/corpus.ts';
import { connect } from '../records/trail.ts';
import {
  columns,
  expressions,
  expressionTypes,
  fields,
  matchedTexts,
  randomPatterns,
  records,
} from './random-cel.ts';
import { randomCallers } from './random-values.ts';

let database: TestDatabase;
let client: pg.Client;

/** More of them by `CEL_RUNS`; each run sends 150 expressions over 10 records in one statement. */
const runs = Number(process.env['CEL_RUNS'] ?? 12);

const environment = new Map([
  ['self', fields],
  ['actor', actorFields],
  ['request', requestFields],
]);

beforeAll(async () => {
  database = await createTestDatabase();
  client = await connect(database.operatorUrl);
  // What a session may be set to has no say in what an expression means.
  await client.query(
    `set timezone = 'America/New_York'; set datestyle = 'German, DMY'; set lc_time = 'C'`,
  );
  const definitions = Object.entries(columns).map(([name, type]) => `"${name}" ${type}`);
  await client.query(`create temporary table thing (n integer, ${definitions.join(', ')})`);
});

afterAll(async () => {
  await client?.end();
  await database?.drop();
});

function checked(source: string): CheckedCel {
  const result = checkCel(source, environment);
  if ('problems' in result) throw new Error(`${source}: ${JSON.stringify(result.problems)}`);
  return result.ok;
}

/** One text for equal values, whoever computed them. */
function shown(type: string, value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (type === 'decimal') return decimalText(value as Decimal);
  if (type === 'timestamp') return instantText(value as bigint);
  if (Array.isArray(value)) return JSON.stringify(value.map(String));
  return Object.is(value, -0) ? '0' : String(value);
}

/** The same of what Postgres computed, which arrives as text. */
function shownOf(type: string, text: string | null): string | null {
  if (text === null) return null;
  const decimal = type === 'decimal' ? parseDecimal(text) : undefined;
  if (decimal !== undefined) return decimalText(decimal);
  if (type === 'double') return shown(type, Number(text));
  return type.startsWith('list(')
    ? JSON.stringify((JSON.parse(text) as unknown[]).map(String))
    : text;
}

function selected(type: string, sql: string): string {
  if (type === 'timestamp') return `platform.cel_string(${sql})`;
  return type.startsWith('list(') ? `to_jsonb((${sql})::text[])::text` : `(${sql})::text`;
}

async function fill(rows: readonly object[]): Promise<void> {
  await client.query('truncate thing');
  const json = rows.map((row, n) => ({ ...row, n, place: pointOf(row as { place?: Place }) }));
  await client.query(
    'insert into thing select * from jsonb_populate_recordset(null::thing, $1::jsonb)',
    [JSON.stringify(json)],
  );
}

type Row = Readonly<Record<string, unknown>>;
type Place = { lat: number; lon: number } | null;

function pointOf({ place }: { place?: Place }): string | null {
  return place === null || place === undefined ? null : `(${place.lon},${place.lat})`;
}

interface Asked {
  readonly source: string;
  readonly sql: string;
  /** What is selected, as text. */
  readonly selected: string;
  readonly here: (self: Row, caller: CelBindings) => string | null;
  readonly there: (answer: string | null) => string | null;
}

/** What an expression is asked for: its value, and as the condition of an index, whether it is true. */
function askedOf(source: string, parameters: Parameters): Asked[] {
  // A macro inside another is over the bound of steps; everything else is an expression.
  const result = checkCel(source, environment);
  if ('problems' in result && /steps; \d+ are allowed/.test(result.problems[0]?.message ?? ''))
    return [];
  const cel = checked(source);
  const column = (field: string): string => `"${field}"`;
  const value = celToSql(cel, column, quoteLiteral, parameters);
  if ('unsupported' in value) return [];
  const { type } = cel;
  const whole: Asked = {
    ...{ source, sql: value.sql, selected: selected(type, value.sql) },
    here: (self, caller) => shown(type, evaluateCel(cel, { ...caller, self })),
    there: (answer) => shownOf(type, answer),
  };
  const condition = conditionToSql(cel, column, quoteLiteral, parameters);
  if (type !== 'bool' || 'unsupported' in condition) return [whole];
  const holds: Asked = {
    ...{ source, sql: condition.sql, selected: `((${condition.sql}) is true)::text` },
    here: (self, caller) => String(evaluateCel(cel, { ...caller, self }) === true),
    there: (answer) => answer,
  };
  return [whole, holds];
}

interface Parameters extends InStatement {
  readonly values: unknown[];
  readonly placeholders: string[];
}

/** The caller's values travel as parameters, as they do in a query. */
function parametersOf(caller: CelBindings): Parameters {
  const values: unknown[] = [];
  const placeholders: string[] = [];
  const known = new Map<string, string>();
  return {
    ...{ values, placeholders },
    parameterOf: (node) => {
      const key = `${node.root} ${node.field} ${node.type}`;
      const seen = known.get(key);
      if (seen !== undefined) return seen;
      values.push(sqlParameter(node.type, fieldValue(node, caller)));
      const added = `$${values.length}::${sqlTypes[node.type]}`;
      placeholders.push(added);
      known.set(key, added);
      return added;
    },
  };
}

/** All expressions over all records in one statement; the answers of the two, beside each other. */
async function compare(sources: readonly string[], rows: readonly Row[], caller: CelBindings) {
  const parameters = parametersOf(caller);
  const asked = sources.flatMap((source) => askedOf(source, parameters));
  await fill(rows);
  const { rows: answers } = await client.query({
    // What could not be compiled may have left a parameter behind, which nothing else would name.
    text: `select ${[...asked.map((one) => one.selected), ...parameters.placeholders].join(',\n')} from thing order by n`,
    values: parameters.values,
    rowMode: 'array',
  });
  return asked.flatMap(({ source, sql, here, there }, at) =>
    rows.map((self, n) => ({
      ...{ source, sql, self },
      here: here(self, caller),
      there: there(answers[n]?.[at] ?? null),
    })),
  );
}

describe('an expression in Postgres', () => {
  it('has the value that it has in the API, or none in both', async () => {
    const cases = fc.tuple(
      fc.array(
        fc.constantFrom(...expressionTypes).chain((type) => expressions(type, 3)),
        { minLength: 150, maxLength: 150 },
      ),
      fc.array(records, { minLength: 10, maxLength: 10 }),
      randomCallers,
    );
    let values = 0;
    let absences = 0;
    await fc.assert(
      fc.asyncProperty(cases, async ([sources, rows, caller]) => {
        for (const { source, sql, self, here, there } of await compare(sources, rows, caller)) {
          if (here !== there) {
            const seen = JSON.stringify([self, caller]);
            expect.fail(`${source}\n${sql}\n${seen}\nhere ${here}\nthere ${there}`);
          }
          if (here === null) absences++;
          else values++;
        }
      }),
      { numRuns: runs, endOnFailure: true },
    );
    // Neither is so rare that the test would say nothing.
    expect(values).toBeGreaterThan(runs * 200);
    expect(absences).toBeGreaterThan(runs * 100);
  }, 120_000);

  it('gives the conformance corpus the answers of the API', async () => {
    const known = corpus
      .map(({ expr }) => expr)
      .filter((expr) => 'ok' in checkCel(expr, environment) && checked(expr).type !== 'null');
    const [caller = {}] = fc.sample(randomCallers, { numRuns: 1, seed: 1 });
    const answers = await compare(known, fc.sample(records, { numRuns: 1, seed: 1 }), caller);
    for (const { source, sql, here, there } of answers)
      expect(there, `${source} ${sql}`).toBe(here);
    expect(answers.length).toBeGreaterThan(300);
  });

  it('matches the texts that RE2 matches, whatever the pattern', async () => {
    const cases = fc.tuple(
      fc.array(randomPatterns, { minLength: 100, maxLength: 100 }),
      fc.array(matchedTexts, { minLength: 12, maxLength: 12 }),
    );
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(cases, async ([patterns, texts]) => {
        const known = patterns.flatMap((pattern) => {
          const said = postgresPattern(pattern);
          return said === undefined ? [] : [{ pattern, said, re2: RE2JS.compile(pattern) }];
        });
        taken += known.length;
        const list = known.map(({ said }) => `t collate "C" ~ ${quoteLiteral(said)}`);
        const { rows: answers } = await client.query({
          text: `select ${list.join(', ')} from unnest($1::text[]) with ordinality as u (t, n) order by n`,
          values: [texts],
          rowMode: 'array',
        });
        for (const [n, text] of texts.entries()) {
          for (const [at, { pattern, said, re2 }] of known.entries()) {
            const here = re2.matcher(text).find();
            expect(answers[n]?.[at], JSON.stringify({ pattern, said, text, here })).toBe(here);
          }
        }
      }),
      { numRuns: runs, endOnFailure: true },
    );
    expect(taken).toBeGreaterThan(runs * 50);
  }, 120_000);
});
