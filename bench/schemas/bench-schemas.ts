import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { count, round, table } from '../markdown.ts';
import type { BenchOptions } from '../options.ts';
import { describeMachine } from '../report.ts';
import { startPlatform } from '../servers/platform.ts';
import type { SchemasResult } from './run-schemas.ts';
import { runSchemas } from './run-schemas.ts';

/** Schemas that are added one by one afterwards. */
const singles = 30;
const withinMs = 900_000;
/** What is wanted of one replica's registry, and of the last of a thousand applied at once. */
const wanted = { registryMb: 100, allServedS: 120 } as const;

interface SchemasReport {
  readonly date: string;
  readonly machine: string;
  readonly result: SchemasResult;
  readonly apiRssMb: number;
  readonly cpuSeconds: Readonly<Record<string, number>>;
}

/** Many schemas applied at once: how soon they are served, and what they take of a replica. */
export async function benchSchemas(
  { schemas, keepResults }: BenchOptions,
  { say, resultsFolder }: { readonly say: (line: string) => void; readonly resultsFolder: string },
): Promise<void> {
  await using scope = new AsyncDisposableStack();
  say('starting PostgreSQL 18, Temporal, worker, operator and API …');
  const platform = await startPlatform();
  scope.defer(() => platform.stop());
  const { database, apiUrl, adminKey, api } = platform;
  const { superuserUrl, apiUrl: apiDatabaseUrl } = database;
  say(`applying ${count(schemas)} schemas …`);
  const place = { apiUrl, adminKey, superuserUrl, apiDatabaseUrl, organisation: 'bench' };
  const result = await runSchemas(place, { schemas, singles, withinMs });
  const [server] = await database.query<{ version: string }>(
    `select current_setting('server_version') as version`,
  );
  const report: SchemasReport = {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(server?.version ?? ''),
    result,
    apiRssMb: api.peakRssMb(),
    cpuSeconds: {
      ...(await platform.cpuSeconds()),
      api: await api.cpuSeconds(),
      postgres: await database.cpuSeconds(),
    },
  };
  say(`\n${formatSchemas(report)}`);
  if (!keepResults) return;
  await mkdir(resultsFolder, { recursive: true });
  const file = join(resultsFolder, `${report.date}-schemas`);
  await writeFile(`${file}.json`, `${JSON.stringify(figures(report), undefined, 2)}\n`);
  await writeFile(`${file}.md`, formatSchemas(report));
  say(`kept in ${file}.md`);
}

function figures({ date, machine, result, apiRssMb, cpuSeconds }: SchemasReport) {
  const { memory, openApi, servedMs, singleMs } = result;
  return {
    ...{ date, machine, schemas: result.schemas, applyMs: Math.round(result.applyMs) },
    servedS: {
      p50: round(quantile(servedMs, 0.5) / 1_000, 2),
      p99: round(quantile(servedMs, 0.99) / 1_000, 2),
      all: round(quantile(servedMs, 1) / 1_000, 2),
    },
    oneMoreMs: {
      p50: Math.round(quantile(singleMs, 0.5)),
      p99: Math.round(quantile(singleMs, 0.99)),
    },
    registry: {
      schemas: memory.schemas,
      syncMs: Math.round(memory.syncMs),
      resyncMs: round(memory.resyncMs, 1),
      snapshotMb: megabytes(memory.snapshotBytes),
      withValidatorsMb: megabytes(memory.validatorsBytes),
    },
    openApi: { mb: megabytes(openApi.bytes), ms: Math.round(openApi.ms) },
    apiRssMb: Math.round(apiRssMb),
    cpuSeconds: Object.fromEntries(
      Object.entries(cpuSeconds).map(([name, value]) => [name, round(value, 1)]),
    ),
  };
}

function formatSchemas(report: SchemasReport): string {
  const found = figures(report);
  const { servedS, oneMoreMs, registry, openApi } = found;
  const misses = [
    ...(registry.withValidatorsMb > wanted.registryMb
      ? [`the registry takes ${registry.withValidatorsMb} MB > ${wanted.registryMb} MB`]
      : []),
    ...(servedS.all > wanted.allServedS
      ? [`the last is served after ${servedS.all} s > ${wanted.allServedS} s`]
      : []),
  ];
  return [
    `# ${count(found.schemas)} schemas at once, ${found.date}`,
    '',
    `${found.machine}. API, worker, operator, Temporal and Postgres share the machine.`,
    '',
    ...table(
      ['from the apply until served', 'p50', 'p99', 'the last'],
      [
        [
          `${count(found.schemas)} in one request`,
          ...[servedS.p50, servedS.p99, servedS.all].map((s) => `${s} s`),
        ],
        ['one more, each by itself', `${oneMoreMs.p50} ms`, `${oneMoreMs.p99} ms`, ''],
      ],
    ),
    '',
    ...table(
      ['of one replica', 'figure'],
      [
        ['registry: snapshot', `${registry.snapshotMb} MB`],
        ['registry: with the validator of every schema', `${registry.withValidatorsMb} MB`],
        ['registry: first load', `${registry.syncMs} ms`],
        ['registry: load when nothing has changed', `${registry.resyncMs} ms`],
        ['OpenAPI of all schemas', `${openApi.mb} MB, ${openApi.ms} ms`],
        ["API's resident set, at most", `${found.apiRssMb} MB`],
      ],
    ),
    '',
    `CPU seconds: ${Object.entries(found.cpuSeconds)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}. The request that applies all takes ${count(found.applyMs)} ms.`,
    '',
    misses.length === 0
      ? 'Everything wanted is reached.'
      : `Short of what is wanted: ${misses.join('; ')}.`,
    '',
  ].join('\n');
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function megabytes(bytes: number): number {
  return round(bytes / 2 ** 20, 1);
}
