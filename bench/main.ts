import { mkdir } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePort } from '../src/process/dev/ports.ts';
import { benchAccess } from './access/bench-access.ts';
import { benchChanges } from './changes/bench-changes.ts';
import { actor } from './fixture/manifests.ts';
import { provision } from './fixture/provision.ts';
import { bulkRows } from './load/requests.ts';
import type { Contender, Line } from './measure.ts';
import { measure } from './measure.ts';
import type { BenchOptions } from './options.ts';
import { readOptions, usage } from './options.ts';
import { describeMachine, formatReport, writeReport } from './report.ts';
import { benchSchemas } from './schemas/bench-schemas.ts';
import type { BenchDatabase } from './servers/database.ts';
import { startDatabase } from './servers/database.ts';
import type { Loader } from './servers/loader.ts';
import { startLoader } from './servers/loader.ts';
import { openPgbench } from './servers/pgbench.ts';
import type { Service } from './servers/service.ts';
import { startService } from './servers/service.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const grants = '{"bench/shop/sales/order/v1":[{"role":"clerk","attributes":{}}]}';
/** Runnable processes before the start, beyond which others take the cores that are measured. */
const busyAbove = 0.7;
/** Connections of the first load: enough to keep both cores busy. */
const loadConnections = 4;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(argv: readonly string[]): Promise<number> {
  let options: BenchOptions | undefined;
  try {
    options = readOptions(argv);
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n`);
    return 2;
  }
  if (options === undefined) {
    process.stdout.write(usage);
    return 0;
  }
  try {
    const into = { say, resultsFolder: join(root, 'bench/results') };
    if (options.section === 'changes') await benchChanges(options, into);
    else if (options.section === 'schemas') await benchSchemas(options, into);
    else if (options.section === 'access') await benchAccess(options, into);
    else await bench(options);
    return 0;
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).stack}\n`);
    return 1;
  }
}

async function bench(options: BenchOptions): Promise<void> {
  const [load = 0] = loadavg();
  if (load > busyAbove) {
    say(`the machine is busy (load ${load.toFixed(1)}): trust the ratios more than the figures`);
  }
  await using scope = new AsyncDisposableStack();
  say('starting PostgreSQL 18 and both services …');
  const database = await startDatabase();
  scope.defer(() => database.stop());
  const key = await provision(database.operatorUrl);
  const velocity = await startVelocity(database, key, options);
  scope.defer(() => velocity.service.stop());
  const baseline = await startBaseline(database, key);
  scope.defer(() => baseline.service.stop());
  const loader = startLoader();
  scope.defer(() => loader.stop());

  const loadRowsPerS = await loadRecords({ database, loader, velocity, records: options.records });
  const pgbench = await openPgbench(database);
  if (pgbench === undefined) {
    say('pgbench is neither on the PATH nor below /usr/lib/postgresql: its limits are left out.');
  }
  // Statistics, visibility and everything dirty on disk: the same start for every operation.
  await settle(database);

  const { connections, rounds, secondsPerRound } = options;
  const lines: Line[] = [];
  for (const operation of options.only) {
    say(`${operation}: ${rounds} rounds of ${secondsPerRound} s each …`);
    lines.push(
      await measure(operation, {
        ...{ loader, velocity, baseline, pgbench, database },
        ...{ connections, rounds, secondsPerRound },
      }),
    );
    await settle(database);
  }
  const [server] = await database.query<{ version: string }>(
    `select current_setting('server_version') as version`,
  );
  const report = {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(server?.version ?? ''),
    ...{ connections, records: options.records, loadRowsPerS, lines },
    rssMb: rssOf(velocity.service, baseline.service),
  };
  say(`\n${formatReport(report)}`);
  if (!options.keepResults) return;
  say(`kept in ${await writeReport(join(root, 'bench/results'), report)}`);
}

async function startVelocity(
  database: BenchDatabase,
  key: string,
  { profileFolder }: BenchOptions,
): Promise<Contender> {
  const port = await findFreePort();
  if (profileFolder !== undefined) await mkdir(profileFolder, { recursive: true });
  const program = join(root, 'bin/velocity.mjs');
  const service = await startService({
    name: "Velocity's API",
    ...(profileFolder === undefined
      ? { program, args: ['api'] }
      : {
          program: process.execPath,
          args: ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`, program, 'api'],
        }),
    port,
    env: {
      VELOCITY_DATABASE_URL: database.apiUrl,
      VELOCITY_PORT: String(port),
      // One actor sends everything, as fast as it is answered.
      VELOCITY_RATE_LIMIT: 'off',
      NODE_COMPILE_CACHE: join(database.folder, 'compiled'),
    },
    logFile: join(database.folder, 'velocity.log'),
  });
  return { service, target: { port, key } };
}

async function startBaseline(database: BenchDatabase, key: string): Promise<Contender> {
  const port = await findFreePort();
  const settings = { 'database-url': database.apiUrl, port: String(port), key, actor, grants };
  const service = await startService({
    name: 'the hand-written service',
    program: process.execPath,
    args: [
      join(root, 'bench/baseline/main.ts'),
      ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`),
    ],
    port,
    env: { NODE_COMPILE_CACHE: join(database.folder, 'compiled') },
    logFile: join(database.folder, 'baseline.log'),
  });
  return { service, target: { port, key } };
}

/** Fills the table through Velocity's bulk; answers rows a second. */
async function loadRecords(parts: {
  readonly database: BenchDatabase;
  readonly loader: Loader;
  readonly velocity: Contender;
  readonly records: number;
}): Promise<number> {
  const { database, loader, velocity, records } = parts;
  const { requests, seconds } = await loader.run({
    ...{ operation: 'bulk', target: velocity.target, connections: loadConnections },
    ...{ seconds: 600, requestsMax: Math.ceil(records / bulkRows) },
  });
  const rows = requests * bulkRows;
  say(`loaded ${rows} records through bulk in ${seconds.toFixed(1)} s`);
  const known = await database.query<{ id: string }>(
    'select id from bench_shop_sales.order_v1 order by id',
  );
  await loader.records(known.map(({ id }) => id));
  return rows / seconds;
}

async function settle(database: BenchDatabase): Promise<void> {
  await database.query('vacuum analyze');
  await database.query('checkpoint');
}

function rssOf(velocity: Service, baseline: Service) {
  const [ours, theirs] = [velocity.peakRssMb(), baseline.peakRssMb()];
  return { velocity: ours, baseline: theirs, ratio: ours / theirs };
}

process.exitCode = await main(process.argv.slice(2));
