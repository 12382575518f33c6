import type { BenchOptions } from '../options.ts';
import { describeMachine } from '../report.ts';
import { startPlatform } from '../servers/platform.ts';
import { changeLines, formatChanges, writeChanges } from './report.ts';
import { runChanges } from './run-changes.ts';

const connections = 32;
/** Medians of three; a window of 3.4 s has 1,020 requests, so that ten of them are above its p99. */
const windows = 3;
const windowMs = 3_400;
/** A backfill of a million records beside traffic is over in one or two. */
const changeWithinMs = 600_000;

/** Twenty changes of a table that serves, measured; answers where the report was kept, if it was. */
export async function benchChanges(
  { records, ratePerS, keepResults }: BenchOptions,
  { say, resultsFolder }: { readonly say: (line: string) => void; readonly resultsFolder: string },
): Promise<void> {
  const startedAt = performance.now();
  await using scope = new AsyncDisposableStack();
  say('starting PostgreSQL 18, Temporal, worker, operator and API …');
  const platform = await startPlatform();
  scope.defer(() => platform.stop());
  const { database, apiUrl, adminKey } = platform;
  const [server] = await database.query<{ version: string }>(
    `select current_setting('server_version') as version`,
  );
  const { operatorUrl, superuserUrl } = database;
  const result = await runChanges(
    { apiUrl, adminKey, operatorUrl, superuserUrl, organisation: 'bench' },
    { ...{ records, ratePerS, connections, windows, windowMs, changeWithinMs, say } },
  );
  const report = {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(server?.version ?? ''),
    ...{ records, ratePerS, windows, result },
    minutes: (performance.now() - startedAt) / 60_000,
    lines: changeLines(result),
  };
  say(`\n${formatChanges(report)}`);
  if (keepResults) say(`kept in ${await writeChanges(resultsFolder, report)}`);
}
