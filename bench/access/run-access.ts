import type { LoadResult, Target } from '../load/messages.ts';
import type { BenchDatabase } from '../servers/database.ts';
import type { Loader } from '../servers/loader.ts';
import type { Service } from '../servers/service.ts';
import { median } from '../statistics.ts';

/** Medians of the rounds of one way to ask. */
export interface AccessFigures {
  readonly reqPerS: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuUs: number;
  readonly databaseCpuUs: number;
}

export interface AccessLine {
  readonly bare: AccessFigures;
  readonly guarded: AccessFigures;
  /**
   * CPU time of a guarded get, the API's and the database's, by that of a bare one: the median of the
   * rounds' ratios. Not of requests a second, which the loader's own share of the cores would flatter.
   */
  readonly cost: number;
  readonly loaderCpu: number;
}

export interface AccessRun {
  readonly loader: Loader;
  readonly service: Service;
  readonly database: BenchDatabase;
  readonly bare: Target;
  readonly guarded: Target;
  readonly connections: number;
  readonly rounds: number;
  readonly secondsPerRound: number;
}

interface Round extends LoadResult {
  readonly cpuSeconds: number;
  readonly databaseCpuSeconds: number;
}

const warmUpSeconds = 1.5;

/** In turns, so that what else happens on the machine hits both; each begins every other round. */
export async function runAccess(options: AccessRun): Promise<AccessLine> {
  const { loader, service, database, connections, rounds, secondsPerRound } = options;
  const run = async (target: Target, seconds: number): Promise<Round> => {
    const cpu = () => Promise.all([service.cpuSeconds(), database.cpuSeconds()]);
    const before = await cpu();
    const result = await loader.run({ operation: 'get', target, connections, seconds });
    const after = await cpu();
    const [cpuSeconds, databaseCpuSeconds] = [after[0] - before[0], after[1] - before[1]];
    return { ...result, cpuSeconds, databaseCpuSeconds };
  };
  const bare: Round[] = [];
  const guarded: Round[] = [];
  await run(options.bare, warmUpSeconds);
  await run(options.guarded, warmUpSeconds);
  for (let round = 0; round < rounds; round++) {
    const first = round % 2 === 0;
    if (first) bare.push(await run(options.bare, secondsPerRound));
    guarded.push(await run(options.guarded, secondsPerRound));
    if (!first) bare.push(await run(options.bare, secondsPerRound));
  }
  return {
    bare: figuresOf(bare),
    guarded: figuresOf(guarded),
    cost: median(guarded.map((one, round) => cpuOf(one) / cpuOf(bare[round]))),
    loaderCpu: Math.max(...[...bare, ...guarded].map((round) => round.loaderCpu)),
  };
}

function rateOf({ requests, seconds }: Round): number {
  return requests / seconds;
}

function cpuOf(round: Round | undefined): number {
  if (round === undefined) return 0;
  return (round.cpuSeconds + round.databaseCpuSeconds) / round.requests;
}

function figuresOf(rounds: readonly Round[]): AccessFigures {
  const of = (figure: (round: Round) => number): number => median(rounds.map(figure));
  return {
    reqPerS: of(rateOf),
    p50Ms: of((round) => round.p50Ms),
    p99Ms: of((round) => round.p99Ms),
    cpuUs: of((round) => (round.cpuSeconds * 1e6) / round.requests),
    databaseCpuUs: of((round) => (round.databaseCpuSeconds * 1e6) / round.requests),
  };
}
