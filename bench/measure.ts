import type { LoadResult, Operation, Target } from './load/messages.ts';
import { bulkRows } from './load/requests.ts';
import type { BenchDatabase } from './servers/database.ts';
import type { Loader } from './servers/loader.ts';
import type { Limited, Pgbench } from './servers/pgbench.ts';
import { limited } from './servers/pgbench.ts';
import type { Service } from './servers/service.ts';
import { median } from './statistics.ts';

/** A service's figures for one operation: the medians of its rounds. */
export interface Figures {
  readonly reqPerS: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the service's own process for one request, and of the database's for it. */
  readonly cpuUs: number;
  readonly databaseCpuUs: number;
}

export interface Line {
  readonly operation: Operation;
  readonly velocity: Figures;
  readonly baseline: Figures;
  /** Velocity's requests a second by the hand-written service's: the median of the rounds' ratios. */
  readonly ratio: number;
  /** Of the bulk. */
  readonly rowsPerS?: number;
  /** Where pgbench was measured. */
  readonly limit?: { readonly perS: number; readonly ratio: number };
  /** The largest share of a core that the loader used. */
  readonly loaderCpu: number;
}

export interface Contender {
  readonly service: Service;
  readonly target: Target;
}

export interface MeasureOptions {
  readonly loader: Loader;
  readonly velocity: Contender;
  readonly baseline: Contender;
  readonly pgbench: Pgbench | undefined;
  readonly database: BenchDatabase;
  readonly connections: number;
  readonly rounds: number;
  readonly secondsPerRound: number;
}

interface Round extends LoadResult {
  readonly cpuSeconds: number;
  readonly databaseCpuSeconds: number;
}

const warmUpSeconds = 1.5;

/**
 * Measures in turns: in every round each side runs once, and whoever began the last one begins
 * second. What else happens on the machine hits both, so the ratio of a round means something even
 * where its figures do not.
 */
export async function measure(operation: Operation, options: MeasureOptions): Promise<Line> {
  const { velocity, baseline, pgbench, rounds, connections, secondsPerRound } = options;
  const run = async ({ service, target }: Contender, seconds: number): Promise<Round> => {
    const cpu = () => Promise.all([service.cpuSeconds(), options.database.cpuSeconds()]);
    const before = await cpu();
    const result = await options.loader.run({ operation, target, connections, seconds });
    const after = await cpu();
    return {
      ...result,
      cpuSeconds: after[0] - before[0],
      databaseCpuSeconds: after[1] - before[1],
    };
  };
  const limit = limited.find((one) => one === operation);
  const ours: Round[] = [];
  const theirs: Round[] = [];
  const limits: number[] = [];
  await run(velocity, warmUpSeconds);
  await run(baseline, warmUpSeconds);
  for (let round = 0; round < rounds; round++) {
    const first = round % 2 === 0;
    if (first) ours.push(await run(velocity, secondsPerRound));
    theirs.push(await run(baseline, secondsPerRound));
    if (!first) ours.push(await run(velocity, secondsPerRound));
    if (limit !== undefined && pgbench !== undefined) {
      limits.push(await runLimit(pgbench, limit, options));
    }
  }
  const rates = ours.map(rateOf);
  const perRequest = operation === 'bulk' ? bulkRows : undefined;
  const figures = figuresOf(ours);
  return {
    operation,
    velocity: figures,
    baseline: figuresOf(theirs),
    ratio: median(rates.map((rate, round) => rate / rateOf(theirs[round]))),
    ...(perRequest !== undefined && { rowsPerS: figures.reqPerS * perRequest }),
    ...(limits.length > 0 && {
      limit: {
        perS: median(limits),
        ratio: median(limits.map((perS, round) => (rates[round] ?? 0) / perS)),
      },
    }),
    loaderCpu: Math.max(...[...ours, ...theirs].map((round) => round.loaderCpu)),
  };
}

function runLimit(pgbench: Pgbench, operation: Limited, options: MeasureOptions): Promise<number> {
  return pgbench.run(operation, options.connections, options.secondsPerRound);
}

function rateOf(round: Round | undefined): number {
  return round === undefined ? 0 : round.requests / round.seconds;
}

function figuresOf(rounds: readonly Round[]): Figures {
  return {
    reqPerS: median(rounds.map(rateOf)),
    p50Ms: median(rounds.map((round) => round.p50Ms)),
    p99Ms: median(rounds.map((round) => round.p99Ms)),
    cpuUs: median(rounds.map((round) => (round.cpuSeconds * 1e6) / round.requests)),
    databaseCpuUs: median(rounds.map((round) => (round.databaseCpuSeconds * 1e6) / round.requests)),
  };
}
