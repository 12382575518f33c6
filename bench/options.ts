import { parseArgs } from 'node:util';
import type { Operation } from './load/messages.ts';
import { operations } from './load/messages.ts';

export interface BenchOptions {
  /** The API against a hand-written one, changes under traffic, many schemas, or access control. */
  readonly section: 'api' | 'changes' | 'schemas' | 'access';
  readonly only: readonly Operation[];
  readonly rounds: number;
  readonly secondsPerRound: number;
  readonly connections: number;
  /** Records that are there before anything is measured. */
  readonly records: number;
  /** Schemas that are applied at once. */
  readonly schemas: number;
  /** Requests that become due each second while schemas change. */
  readonly ratePerS: number;
  /** Writes bench/results: only of a whole run, since figures of others cannot be compared. */
  readonly keepResults: boolean;
  /** Where Node's CPU profile of the API goes. */
  readonly profileFolder: string | undefined;
}

export const usage = `Usage: make bench [ARGS="OPTIONS"]

Measures Velocity's API against a hand-written Fastify and pg service over the same table, in turns,
and both against pgbench. Takes about 5 minutes; wants an otherwise idle machine.

Options:
  --only get,list,create,update,bulk  measure these alone
  --rounds N        rounds of each operation (5)
  --seconds N       length of one round (4)
  --connections N   connections of the loader (32)
  --records N       records loaded first (100000)
  --quick           2 rounds of 1.5 s over 20,000 records; of changes, 50,000 records
  --changes         twenty changes of a table of 1,000,000 records under traffic instead (10 min)
  --rate N          requests a second while it changes (300)
  --schemas N       N SchemaDefinitions applied at once instead: time, memory (1,000: 2 min)
  --access          what tokens, policies, filters and masks cost a get instead (1 min)
  --profile DIR     write a CPU profile of Velocity's API to DIR
  -h, --help        print this

Without options, or with --changes, --schemas or --access alone, the figures are kept in bench/results.

Examples:
  make bench ARGS="--quick --only get,create"
  make bench ARGS="--changes"
  make bench ARGS="--schemas 1000"
  make bench ARGS="--access"
`;

/** Undefined when help was asked for; throws a sentence about what is wrong. */
export function readOptions(argv: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      connections: { type: 'string' },
      records: { type: 'string' },
      profile: { type: 'string' },
      changes: { type: 'boolean', default: false },
      access: { type: 'boolean', default: false },
      schemas: { type: 'string' },
      rate: { type: 'string' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const { quick, profile, changes, access } = values;
  const sections = [
    ...(changes ? (['changes'] as const) : []),
    ...(values.schemas === undefined ? [] : (['schemas'] as const)),
    ...(access ? (['access'] as const) : []),
  ];
  const [section = 'api', another] = sections;
  if (another !== undefined) {
    throw new Error(`--${section} and --${another} are measured one at a time`);
  }
  const only = values.only?.split(',').map(readOperation) ?? operations;
  const records = changes ? (quick ? 50_000 : 1_000_000) : quick || access ? 20_000 : 100_000;
  return {
    section,
    only,
    rounds: readNumber('rounds', values.rounds, quick ? 2 : 5),
    secondsPerRound: readNumber('seconds', values.seconds, quick ? 1.5 : 4),
    connections: readNumber('connections', values.connections, 32),
    records: readNumber('records', values.records, records),
    schemas: readNumber('schemas', values.schemas, 1_000),
    ratePerS: readNumber('rate', values.rate, 300),
    keepResults:
      argv.length === 0 || (argv.length === 1 && (changes || access)) || isOnlySchemas(argv),
    profileFolder: profile,
  };
}

function isOnlySchemas(argv: readonly string[]): boolean {
  return argv.length === 2 && argv[0] === '--schemas';
}

function readOperation(name: string): Operation {
  const known = operations.find((operation) => operation === name);
  if (known !== undefined) return known;
  throw new Error(`--only knows ${operations.join(', ')}, not ${JSON.stringify(name)}`);
}

function readNumber(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new Error(`--${name} wants a number above 0, not ${JSON.stringify(text)}`);
}
