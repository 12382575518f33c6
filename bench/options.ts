import { parseArgs } from 'node:util';
import type { Operation } from './load/messages.ts';
import { operations } from './load/messages.ts';

export interface BenchOptions {
  readonly only: readonly Operation[];
  readonly rounds: number;
  readonly secondsPerRound: number;
  readonly connections: number;
  /** Records loaded before anything is measured. */
  readonly records: number;
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
  --quick           2 rounds of 1.5 s over 20,000 records
  --profile DIR     write a CPU profile of Velocity's API to DIR
  -h, --help        print this

Without options the figures are kept in bench/results.

Example:
  make bench ARGS="--quick --only get,create"
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
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const { quick, profile } = values;
  const only = values.only?.split(',').map(readOperation) ?? operations;
  return {
    only,
    rounds: readNumber('rounds', values.rounds, quick ? 2 : 5),
    secondsPerRound: readNumber('seconds', values.seconds, quick ? 1.5 : 4),
    connections: readNumber('connections', values.connections, 32),
    records: readNumber('records', values.records, quick ? 20_000 : 100_000),
    keepResults: argv.length === 0,
    profileFolder: profile,
  };
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
