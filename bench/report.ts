import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { count, round, table } from './markdown.ts';
import type { Figures, Line } from './measure.ts';

/** What is wanted of each figure; the report says which are missed. */
const wanted = {
  ratio: 0.9,
  bulkRowsPerS: 25_000,
  limit: { get: 0.38, create: 0.55 } as Readonly<Record<string, number>>,
  rssRatio: 1.25,
  rssMb: 256,
} as const;

/** The loader shares the cores; beyond this it may be what is measured. */
const loaderCpuMax = 0.85;

export interface Report {
  readonly date: string;
  readonly machine: string;
  readonly connections: number;
  readonly records: number;
  /** Records a second of the load through bulk before the rounds. */
  readonly loadRowsPerS: number;
  readonly lines: readonly Line[];
  readonly rssMb: { readonly velocity: number; readonly baseline: number; readonly ratio: number };
}

export function describeMachine(postgresVersion: string): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const memoryGb = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${model}, ${memoryGb} GB, Node ${process.versions.node}, PostgreSQL ${postgresVersion}`;
}

/** The tables and what falls short, in Markdown, which reads well enough in a terminal. */
export function formatReport(report: Report): string {
  const { lines, rssMb } = report;
  const limits = lines.filter((line) => line.limit !== undefined);
  const bulk = lines.find((line) => line.rowsPerS !== undefined);
  const misses = findMisses(report);
  return [
    `# Bench of ${report.date}`,
    '',
    `${report.machine}; ${report.connections} connections; ${count(report.records)} records loaded through bulk at ${count(report.loadRowsPerS)} rows/s.`,
    'Both services run in turns over the same table; figures are medians of the rounds, the ratio is',
    "the median of the rounds' ratios.",
    '',
    ...table(
      [
        '',
        'Velocity req/s',
        'p50 ms',
        'p99 ms',
        'CPU µs (own + database)',
        'hand-written req/s',
        'p50 ms',
        'p99 ms',
        'CPU µs (own + database)',
        'ratio',
      ],
      lines.map((line) => [
        line.operation,
        ...figures(line.velocity),
        ...figures(line.baseline),
        line.ratio.toFixed(2),
      ]),
    ),
    '',
    ...(bulk?.rowsPerS === undefined ? [] : [`Bulk of 1,000: ${count(bulk.rowsPerS)} rows/s.`, '']),
    ...(limits.length === 0
      ? []
      : [
          ...table(
            ['', 'pgbench, one prepared call: tx/s', 'Velocity reaches', 'wanted'],
            limits.map((line) => [
              line.operation,
              count(line.limit?.perS ?? 0),
              (line.limit?.ratio ?? 0).toFixed(2),
              String(wanted.limit[line.operation] ?? ''),
            ]),
          ),
          '',
        ]),
    `Resident set under load: Velocity ${rssMb.velocity.toFixed(0)} MB, hand-written ${rssMb.baseline.toFixed(0)} MB, ratio ${rssMb.ratio.toFixed(2)}.`,
    '',
    misses.length === 0
      ? 'Everything wanted is reached.'
      : `Short of what is wanted: ${misses.join('; ')}.`,
    '',
  ].join('\n');
}

/** Answers the path of the Markdown file. */
export async function writeReport(folder: string, report: Report): Promise<string> {
  await mkdir(folder, { recursive: true });
  const rows = report.lines.map((line) => ({
    operation: line.operation,
    ...rounded(line.velocity),
    ratio: round(line.ratio, 3),
    handWritten: rounded(line.baseline),
    ...(line.rowsPerS !== undefined && { rowsPerS: Math.round(line.rowsPerS) }),
    ...(line.limit !== undefined && {
      limit: { perS: Math.round(line.limit.perS), ratio: round(line.limit.ratio, 3) },
    }),
    loaderCpu: round(line.loaderCpu, 2),
  }));
  const { date, machine, connections, records } = report;
  const json = {
    ...{ date, machine, connections, records },
    loadRowsPerS: Math.round(report.loadRowsPerS),
    lines: rows,
    rssMb: {
      velocity: round(report.rssMb.velocity, 1),
      handWritten: round(report.rssMb.baseline, 1),
      ratio: round(report.rssMb.ratio, 3),
    },
  };
  await writeFile(join(folder, `${date}.json`), `${JSON.stringify(json, undefined, 2)}\n`);
  const markdown = join(folder, `${date}.md`);
  await writeFile(markdown, formatReport(report));
  return markdown;
}

function findMisses({ lines, rssMb }: Report): string[] {
  const misses: string[] = [];
  for (const line of lines) {
    const { operation, ratio, limit, rowsPerS, loaderCpu } = line;
    if (ratio < wanted.ratio)
      misses.push(`${operation} ratio ${ratio.toFixed(2)} < ${wanted.ratio}`);
    const least = wanted.limit[operation];
    if (limit !== undefined && least !== undefined && limit.ratio < least) {
      misses.push(`${operation} ${limit.ratio.toFixed(2)} of pgbench < ${least}`);
    }
    if (rowsPerS !== undefined && rowsPerS < wanted.bulkRowsPerS) {
      misses.push(`bulk ${count(rowsPerS)} rows/s < ${count(wanted.bulkRowsPerS)}`);
    }
    if (loaderCpu > loaderCpuMax) {
      misses.push(`${operation}: the loader used ${Math.round(loaderCpu * 100)} % of a core`);
    }
  }
  if (rssMb.ratio > wanted.rssRatio) {
    misses.push(`RSS ratio ${rssMb.ratio.toFixed(2)} > ${wanted.rssRatio}`);
  }
  if (rssMb.velocity > wanted.rssMb) {
    misses.push(`RSS ${rssMb.velocity.toFixed(0)} MB > ${wanted.rssMb} MB`);
  }
  return misses;
}

function figures({ reqPerS, p50Ms, p99Ms, cpuUs, databaseCpuUs }: Figures): string[] {
  const rate = reqPerS < 100 ? reqPerS.toFixed(1) : count(reqPerS);
  return [rate, p50Ms.toFixed(2), p99Ms.toFixed(2), `${count(cpuUs)} + ${count(databaseCpuUs)}`];
}

function rounded({ reqPerS, p50Ms, p99Ms, cpuUs, databaseCpuUs }: Figures): Figures {
  return {
    reqPerS: round(reqPerS, 1),
    p50Ms: round(p50Ms, 3),
    p99Ms: round(p99Ms, 3),
    cpuUs: Math.round(cpuUs),
    databaseCpuUs: Math.round(databaseCpuUs),
  };
}
