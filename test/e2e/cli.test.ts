import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/until.ts';
import type { DevRun } from './dev-run.ts';
import { startDev } from './dev-run.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const namespace = 'vega-flights-network';
const data = (file: string) => join(root, 'node_modules/vega-datasets/data', file);

let cwd: string;
let dev: DevRun;

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Sends Ctrl-C once the program has said this on stderr. */
  readonly interruptAt?: RegExp;
}

/** The program as a person runs it, in the folder of the running `velocity dev`. */
async function velocity(args: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
  const child = spawn(process.execPath, [join(root, 'bin/velocity.mjs'), ...args], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: cwd, XDG_CONFIG_HOME: cwd, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk: Buffer) => {
      output[name] += chunk.toString('utf8');
    });
  }
  child.stdin.end(options.stdin ?? '');
  const closed = once(child, 'close');
  if (options.interruptAt !== undefined) {
    const said = options.interruptAt;
    await until(async () => said.test(output.stderr), 30_000);
    child.kill('SIGINT');
  }
  const [exitCode] = (await closed) as [number | null];
  return { exitCode, ...output };
}

/** What a command prints for scripts; fails the test when it fails. */
async function json<T>(args: readonly string[], options: ProgramOptions = {}): Promise<T> {
  const ended = await velocity([...args, '-o', 'json'], options);
  expect(ended, args.join(' ')).toMatchObject({ exitCode: 0 });
  return JSON.parse(ended.stdout) as T;
}

const count = async (schema: string) => {
  const { stderr } = await velocity(['query', schema, '-l', '1', '--count', 'exact']);
  return Number(/(\d+) in all/.exec(stderr)?.[1]);
};

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'velocity-cli-'));
  dev = await startDev(cwd, [join(root, 'samples/flights'), '--port', '0']);
  const waited = await velocity(['apply', '-f', join(root, 'samples/flights')]);
  expect(waited).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('unchanged') });
  await until(async () => (await velocity(['query', 'route'])).exitCode === 0, 30_000);
});

afterAll(async () => {
  await dev?.end('SIGTERM');
  await rm(cwd, { recursive: true, force: true });
});

describe('velocity on a running API', () => {
  it('finds the API by itself and says how it is', async () => {
    const status = await json<{ api: unknown; schemas: unknown[] }>(['status']);
    expect(status.api).toMatchObject({ ready: true, url: dev.report.apiUrl });
    expect(status.schemas).toEqual([
      expect.objectContaining({ path: 'vega/flights/network/airport/v1', served: true }),
      expect.objectContaining({ path: 'vega/flights/network/route/v1', served: true }),
    ]);
    expect(await json(['version'])).toMatchObject({ client: {}, server: {} });
  });

  it('loads files, typed by the schema, and goes on after Ctrl-C', async () => {
    const airports = [
      ...['load', 'airport', data('airports.csv'), '--null', 'NA', '--batch-size', '100'],
      ...['--map', 'latitude,longitude=position', '--rejected', 'refused.ndjson'],
    ];
    const csv = join(cwd, 'airports.csv');
    await writeFile(csv, await readFile(data('airports.csv')));
    airports[2] = csv;
    const loading = velocity(airports);
    await until(async () => exists(`${csv}.velocity-load.json`), 30_000);
    const first = await interruptSoon(loading, airports);
    const second = await json<{ rows: number; created: number }>(airports);
    expect(second).toMatchObject({ rows: 3_376, created: 3_376, rejected: 0 });
    expect(first.exitCode).toBe(130);
    expect(await count('airport')).toBe(3_376);

    const routes = await json(['load', 'route', data('flights-airport.csv')]);
    expect(routes).toMatchObject({ rows: 5_366, created: 5_366 });
  });
});

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
