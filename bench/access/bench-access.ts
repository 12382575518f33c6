import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePort } from '../../src/process/dev/ports.ts';
import { provision } from '../fixture/provision.ts';
import { bulkRows } from '../load/requests.ts';
import { count, round, table } from '../markdown.ts';
import type { BenchOptions } from '../options.ts';
import { describeMachine } from '../report.ts';
import { startDatabase } from '../servers/database.ts';
import { startLoader } from '../servers/loader.ts';
import { startService } from '../servers/service.ts';
import { audience, claims, guardedManifests, guardedPath, guardedTable } from './manifests.ts';
import type { StepFigures } from './measure-steps.ts';
import { measureSteps } from './measure-steps.ts';
import type { AccessFigures, AccessLine } from './run-access.ts';
import { runAccess } from './run-access.ts';
import { startTokenIssuer } from './token-issuer.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** What is wanted: of a guarded get by a bare one, of one evaluation, of a token that is known. */
const wanted = { cost: 1.3, evaluationUs: 6, knownTokenUs: 20 } as const;
/** Connections that load the records. */
const loadConnections = 4;

interface AccessReport {
  readonly date: string;
  readonly machine: string;
  readonly connections: number;
  readonly records: number;
  readonly line: AccessLine;
  readonly steps: StepFigures;
}

/** What it costs that a get has a token, two policies, a row filter, field rules and a mask. */
export async function benchAccess(
  options: BenchOptions,
  { say, resultsFolder }: { readonly say: (line: string) => void; readonly resultsFolder: string },
): Promise<void> {
  await using scope = new AsyncDisposableStack();
  say('starting PostgreSQL 18, an issuer of tokens and the API …');
  const database = await startDatabase();
  scope.defer(() => database.stop());
  const issuer = await startTokenIssuer();
  scope.defer(() => issuer.stop());
  const key = await provision(
    database.operatorUrl,
    guardedManifests(issuer.issuer, issuer.jwksUrl),
  );
  const port = await findFreePort();
  const service = await startService({
    name: "Velocity's API",
    program: join(root, 'bin/velocity.mjs'),
    args: ['api'],
    port,
    env: {
      VELOCITY_DATABASE_URL: database.apiUrl,
      VELOCITY_PORT: String(port),
      // The issuer is on this machine, where nothing is fetched from otherwise.
      VELOCITY_OUTBOUND_ALLOW: '127.0.0.1',
      VELOCITY_RATE_LIMIT: 'off',
      NODE_COMPILE_CACHE: join(database.folder, 'compiled'),
    },
    logFile: join(database.folder, 'velocity.log'),
  });
  scope.defer(() => service.stop());
  const loader = startLoader();
  scope.defer(() => loader.stop());

  const bare = { port, key };
  await loader.run({
    ...{ operation: 'bulk', target: bare, connections: loadConnections, seconds: 600 },
    requestsMax: Math.ceil(options.records / bulkRows),
  });
  await database.query(`insert into ${guardedTable} select * from bench_shop_sales.order_v1`);
  // A large order that came back would be refused by a policy: every get is to be answered.
  const known = await database.query<{ id: string }>(
    `select id from ${guardedTable} where status <> 'returned' or quantity <= 1000 order by id`,
  );
  await loader.records(known.map(({ id }) => id));
  await database.query('vacuum analyze');
  await database.query('checkpoint');

  const token = await issuer.sign(claims, audience);
  const guarded = { port, key: token, path: guardedPath };
  const { connections, rounds, secondsPerRound } = options;
  say(`get, bare and guarded: ${rounds} rounds of ${secondsPerRound} s each …`);
  const line = await runAccess({
    ...{ loader, service, database, bare, guarded, connections, rounds, secondsPerRound },
  });
  const [server] = await database.query<{ version: string }>(
    `select current_setting('server_version') as version`,
  );
  const report: AccessReport = {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(server?.version ?? ''),
    ...{ connections, records: known.length, line },
    steps: await measureSteps(issuer),
  };
  say(`\n${formatAccess(report)}`);
  if (!options.keepResults) return;
  await mkdir(resultsFolder, { recursive: true });
  const file = join(resultsFolder, `${report.date}-access`);
  await writeFile(`${file}.json`, `${JSON.stringify(figuresOf(report), undefined, 2)}\n`);
  await writeFile(`${file}.md`, formatAccess(report));
  say(`kept in ${file}.md`);
}

function figuresOf({ date, machine, connections, records, line, steps }: AccessReport) {
  return {
    ...{ date, machine, connections, records },
    get: {
      bare: rounded(line.bare),
      guarded: rounded(line.guarded),
      cost: round(line.cost, 3),
      loaderCpu: round(line.loaderCpu, 2),
    },
    us: Object.fromEntries(Object.entries(steps).map(([name, us]) => [name, round(us, 2)])),
  };
}

function formatAccess(report: AccessReport): string {
  const { line, steps } = report;
  const misses = [
    ...(line.cost > wanted.cost
      ? [`a guarded get costs ${line.cost.toFixed(2)} of a bare one > ${wanted.cost}`]
      : []),
    ...(steps.evaluation > wanted.evaluationUs
      ? [`an evaluation takes ${steps.evaluation.toFixed(1)} µs > ${wanted.evaluationUs} µs`]
      : []),
    ...(steps.knownToken > wanted.knownTokenUs
      ? [`a known token takes ${steps.knownToken.toFixed(1)} µs > ${wanted.knownTokenUs} µs`]
      : []),
  ];
  return [
    `# What access control costs, ${report.date}`,
    '',
    `${report.machine}; ${report.connections} connections; ${count(report.records)} records.`,
    'Both read the same records by id through one API, in turns; the cost is the ratio of their CPU time,',
    'the API’s and the database’s: the median of the rounds.',
    '',
    ...table(
      ['get by id', 'req/s', 'p50 ms', 'p99 ms', 'CPU µs (own + database)'],
      [
        ['an API key, no rules', ...cells(line.bare)],
        ['a token, two policies, a row filter, field rules, a mask', ...cells(line.guarded)],
      ],
    ),
    '',
    `A guarded get costs ${line.cost.toFixed(2)} of a bare one (wanted: at most ${wanted.cost}).`,
    '',
    ...table(
      ['in one process', 'µs'],
      [
        ['a typical policy, evaluated', steps.evaluation.toFixed(2)],
        ['a token seen for the first time, verified', steps.freshToken.toFixed(1)],
        ['a token that is known', steps.knownToken.toFixed(1)],
      ],
    ),
    '',
    misses.length === 0
      ? 'Everything wanted is reached.'
      : `Short of what is wanted: ${misses.join('; ')}.`,
    '',
  ].join('\n');
}

function cells({ reqPerS, p50Ms, p99Ms, cpuUs, databaseCpuUs }: AccessFigures): string[] {
  const cpu = `${count(cpuUs)} + ${count(databaseCpuUs)}`;
  return [count(reqPerS), p50Ms.toFixed(2), p99Ms.toFixed(2), cpu];
}

function rounded({ reqPerS, p50Ms, p99Ms, cpuUs, databaseCpuUs }: AccessFigures) {
  return {
    ...{ reqPerS: round(reqPerS, 1), p50Ms: round(p50Ms, 3), p99Ms: round(p99Ms, 3) },
    ...{ cpuUs: Math.round(cpuUs), databaseCpuUs: Math.round(databaseCpuUs) },
  };
}
