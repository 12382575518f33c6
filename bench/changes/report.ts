import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { count, round, table } from '../markdown.ts';
import { median } from '../statistics.ts';
import type { Sample } from '../traffic/messages.ts';
import type { SeenLock } from './lock-watch.ts';
import { longest } from './lock-watch.ts';
import type { ChangeRun, ChangesResult, Span } from './run-changes.ts';

/** What is wanted of each change; the report says which falls short. */
export const wanted = { p99Ratio: 3, lockMs: 500 } as const;

export interface ChangeLine {
  readonly name: string;
  readonly class: string;
  readonly tookMs: number;
  /** Medians of the windows. */
  readonly p50BeforeMs: number;
  readonly p99BeforeMs: number;
  readonly p99DuringMs: number;
  readonly ratio: number;
  /** The longest lock that stopped readers or writers, and the longest wait for any lock. */
  readonly lockMs: number;
  readonly lockMode: string;
  readonly waitMs: number;
}

export interface ChangesReport {
  readonly date: string;
  readonly machine: string;
  readonly records: number;
  readonly ratePerS: number;
  readonly windows: number;
  readonly minutes: number;
  readonly result: ChangesResult;
  readonly lines: readonly ChangeLine[];
}

export function changeLines({ changes, samples }: ChangesResult): ChangeLine[] {
  return changes.map((change) => changeLine(change, samples));
}

function changeLine(
  { name, class: kind, tookMs, before, during, locks }: ChangeRun,
  samples: readonly Sample[],
): ChangeLine {
  const across = (spans: readonly Span[], share: number): number =>
    median(spans.map((span) => quantile(samples, span, share)));
  const [p99BeforeMs, p99DuringMs] = [across(before, 0.99), across(during, 0.99)];
  const held = longest(locks, true);
  return {
    ...{ name, class: kind, tookMs, p50BeforeMs: across(before, 0.5), p99BeforeMs, p99DuringMs },
    ratio: p99DuringMs / p99BeforeMs,
    lockMs: lengthOf(held),
    lockMode: held?.mode ?? '',
    waitMs: lengthOf(longest(locks, false)),
  };
}

/** Of the requests that became due within the span. */
function quantile(samples: readonly Sample[], [from, to]: Span, share: number): number {
  const took = samples
    .filter(([dueAt]) => dueAt >= from && dueAt < to)
    .map(([, tookMs]) => tookMs)
    .sort((a, b) => a - b);
  return took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0;
}

function lengthOf(lock: SeenLock | undefined): number {
  return lock === undefined ? 0 : lock.to - lock.from;
}

export function formatChanges(report: ChangesReport): string {
  const { result, lines, windows } = report;
  const misses = findMisses(report);
  return [
    `# Changes under traffic, ${report.date}`,
    '',
    `${report.machine}; ${count(report.records)} records; ${report.ratePerS} requests a second, each timed from the moment it was due;`,
    `${count(result.samples.length)} requests, ${count(result.writes.length)} of them writes, in ${report.minutes.toFixed(1)} min. API, worker, operator, Temporal, Postgres and`,
    `the traffic share the machine; worker, operator and Temporal have VELOCITY_YIELD=idle. p99 before and`,
    `during a change are medians of ${windows} windows.`,
    '',
    ...table(
      [
        'change',
        'class',
        'time s',
        'p50 before ms',
        'p99 before ms',
        'p99 during ms',
        'ratio',
        'longest conflicting lock ms',
        'longest wait ms',
      ],
      lines.map((line) => [
        line.name,
        line.class,
        (line.tookMs / 1_000).toFixed(1),
        ...[line.p50BeforeMs, line.p99BeforeMs, line.p99DuringMs].map((ms) => ms.toFixed(1)),
        line.ratio.toFixed(2),
        `${line.lockMode.replace(/Lock$/, '')} ${line.lockMs.toFixed(0)}`.trim(),
        line.waitMs.toFixed(0),
      ]),
    ),
    '',
    `Locks are seen by looks at pg_locks, at most ${result.coarsestLookMs.toFixed(0)} ms apart.`,
    `Requests that failed: ${result.failureCount}. Values lost or changed: ${result.problems.length}.`,
    ...[...result.failures, ...result.problems].slice(0, 20).map((problem) => `- ${problem}`),
    '',
    misses.length === 0
      ? 'Everything wanted is reached.'
      : `Short of what is wanted: ${misses.join('; ')}.`,
    '',
  ].join('\n');
}

export function findMisses({ result, lines }: ChangesReport): string[] {
  return [
    ...(result.failureCount > 0 ? [`${result.failureCount} requests failed`] : []),
    ...(result.problems.length > 0
      ? [`${result.problems.length} values are not what they should be`]
      : []),
    ...lines.flatMap(({ name, ratio, lockMs }) => [
      ...(ratio > wanted.p99Ratio ? [`"${name}" raises p99 ${ratio.toFixed(2)} times`] : []),
      ...(lockMs > wanted.lockMs ? [`"${name}" holds a lock for ${lockMs.toFixed(0)} ms`] : []),
    ]),
  ];
}

/** Answers the path of the Markdown file. */
export async function writeChanges(folder: string, report: ChangesReport): Promise<string> {
  await mkdir(folder, { recursive: true });
  const { date, machine, records, ratePerS, windows, result, lines } = report;
  const json = {
    ...{ date, machine, records, ratePerS, windows },
    minutes: round(report.minutes, 1),
    requests: result.samples.length,
    writes: result.writes.length,
    failed: result.failureCount,
    lostOrChanged: result.problems.length,
    changes: lines.map((line) => ({
      ...line,
      tookMs: Math.round(line.tookMs),
      p50BeforeMs: round(line.p50BeforeMs, 2),
      p99BeforeMs: round(line.p99BeforeMs, 2),
      p99DuringMs: round(line.p99DuringMs, 2),
      ratio: round(line.ratio, 2),
      lockMs: round(line.lockMs, 1),
      waitMs: round(line.waitMs, 1),
    })),
  };
  await writeFile(join(folder, `${date}-changes.json`), `${JSON.stringify(json, undefined, 2)}\n`);
  const markdown = join(folder, `${date}-changes.md`);
  await writeFile(markdown, formatChanges(report));
  return markdown;
}
