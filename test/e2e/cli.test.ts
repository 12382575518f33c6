import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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
  /** Sends Ctrl-C as soon as this is so. */
  readonly interruptWhen?: () => Promise<boolean>;
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
  if (options.interruptWhen !== undefined) {
    await until(options.interruptWhen, 30_000);
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

  it('loads files typed by the schema, and goes on after Ctrl-C without a row twice', async () => {
    const file = join(cwd, 'airports.csv');
    await copyFile(data('airports.csv'), file);
    const load = [
      ...['load', 'airport', file, '--map', 'latitude,longitude=position', '--null', 'NA'],
      ...['--batch-size', '50'],
    ];
    const interrupted = await velocity(load, {
      interruptWhen: async () => {
        const journal = await readFile(`${file}.velocity-load.json`, 'utf8').catch(() => '');
        return /"nextBatch": [1-9]/.test(journal);
      },
    });
    expect(interrupted).toMatchObject({
      exitCode: 130,
      stderr: expect.stringContaining('Run the same command again'),
    });
    expect(await json(load)).toMatchObject({ rows: 3_376, created: 3_376, rejected: 0 });
    expect(await count('airport')).toBe(3_376);

    await copyFile(data('flights-airport.csv'), join(cwd, 'routes.csv'));
    expect(await json(['load', 'route', 'routes.csv'])).toMatchObject({ created: 5_366 });
    const again = await velocity(['load', 'airport', file, ...load.slice(3)]);
    expect(again).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('3,376 refused') });
    const [refused] = (await readFile(`${file}.rejected.ndjson`, 'utf8')).split('\n');
    expect(JSON.parse(refused ?? '')).toMatchObject({
      line: 2,
      code: 'UNIQUE_CONSTRAINT_VIOLATION',
      record: { iata: '00M', position: { lat: 31.95376472, lon: -89.23450472 } },
    });
    expect(await json([...load, '--skip-existing'])).toMatchObject({ skipped: 3_376, rejected: 0 });
  });

  it('answers questions with filters, nested conditions and references', async () => {
    const select = ['--select', 'destination,count', '--include', 'destination'];
    const routes = await json<{ count: number; destination: { iata: string } }[]>([
      ...['query', 'route', '-f', 'origin=SFO', '-s', '-count', '-l', '2', ...select],
    ]);
    expect(routes).toMatchObject([
      { count: 13_788, destination: { iata: 'LAX' } },
      { count: 7_007, destination: { iata: 'LAS' } },
    ]);
    const where =
      '{"or":[{"field":"iata","op":"eq","value":"SFO"},{"field":"city","op":"eq","value":"Austin"}]}';
    const airports = await json<{ iata: string }[]>([
      ...['query', 'airport', '--where', where, '-f', 'country=USA', '-s', 'iata'],
    ]);
    expect(airports.map(({ iata }) => iata)).toEqual(['9U3', 'AUM', 'AUS', 'SFO']);
    const near = 'position[within_km]=47.45,-122.3,12';
    expect(await json(['query', 'airport', '-f', near])).toContainEqual(
      expect.objectContaining({ iata: 'SEA' }),
    );
    expect(await json<unknown[]>(['query', 'airport', '--all'])).toHaveLength(3_376);
  });

  it('writes single records, each refusal with the exit code of its kind', async () => {
    const values = ['iata=ZZZ', 'name=Test', 'country=USA', 'position=30.19,-97.67'];
    const created = await json<{ id: string }>(['record', 'create', 'airport', ...values]);
    expect(created).toMatchObject({ version: 1, position: { lat: 30.19, lon: -97.67 } });
    const { id } = created;
    expect(await json(['record', 'update', 'airport', id, 'city=Austin'])).toMatchObject({
      version: 2,
      city: 'Austin',
    });
    const codes = {
      twice: (await velocity(['record', 'create', 'airport', ...values])).exitCode,
      stale: (await velocity(['record', 'update', 'airport', id, 'city=', '--if-version', '1']))
        .exitCode,
      unknown: (await velocity(['record', 'update', 'airport', id, 'nmae=x'])).exitCode,
      deleted: (await velocity(['record', 'delete', 'airport', id])).exitCode,
      gone: (await velocity(['record', 'get', 'airport', id])).exitCode,
    };
    expect(codes).toEqual({ twice: 5, stale: 5, unknown: 1, deleted: 0, gone: 3 });
  });

  it('gives and takes access: a key is shown once, roles come and go', async () => {
    const create = ['api-key', 'create', 'tom', '-n', namespace];
    const { key } = await json<{ key: string }>(create);
    expect((await velocity(create)).exitCode).toBe(5);
    const asTom = { env: { VELOCITY_API_KEY: key } };
    const query = ['query', 'vega/flights/network/airport/v1', '-l', '1'];
    expect((await velocity(query, asTom)).exitCode).toBe(4);

    await json(['grant', 'tom', 'traveller', '-n', namespace]);
    await until(async () => (await velocity(query, asTom)).exitCode === 0, 10_000);
    expect((await velocity(['record', 'create', 'airport', 'iata=QQQ'], asTom)).exitCode).toBe(4);
    expect((await velocity(['get', 'schemas'], asTom)).exitCode).toBe(4);

    await json(['revoke', 'tom', '-n', namespace]);
    await until(async () => (await velocity(query, asTom)).exitCode === 4, 10_000);
    await json(['api-key', 'revoke', 'tom']);
    expect(await velocity(query, asTom)).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('AUTH_REVOKED'),
    });
  });

  it('applies, shows and deletes resources; records keep their schema until it is confirmed', async () => {
    const file = join(cwd, 'hotel.yaml');
    await writeFile(file, hotel.replace('type: string', 'type: strin'));
    for (const command of [
      ['apply', '-f', file],
      ['schema', 'validate', file],
    ]) {
      const ended = await velocity(command);
      expect(ended.exitCode).toBe(1);
      expect(ended.stdout + ended.stderr).toMatch(/hotel\.yaml:10: .*"strin" is not allowed/);
    }
    await writeFile(file, hotel);
    expect((await velocity(['schema', 'validate', file])).exitCode).toBe(0);
    const dryRun = await json<{ outcome: string }[]>(['apply', '-f', file, '--dry-run']);
    expect(dryRun).toMatchObject([{ outcome: 'created' }]);
    expect((await velocity(['get', 'schema', 'hotel'])).exitCode).toBe(3);
    expect((await velocity(['apply', '-f', file, '--wait'])).exitCode).toBe(0);
    expect((await velocity(['describe', 'schema', 'hotel'])).stdout).toMatch(/Phase: +Ready/);

    await until(async () => {
      return (await velocity(['record', 'create', 'hotel', 'name=Ritz'])).exitCode === 0;
    }, 10_000);
    const refused = await velocity(['delete', 'schema', 'hotel', '--wait']);
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('--confirm') });
    expect(await count('hotel')).toBe(1);
    expect((await velocity(['delete', '-f', file, '--confirm', '--wait'])).exitCode).toBe(0);
    expect((await velocity(['get', 'schema', 'hotel'])).exitCode).toBe(3);
  });
});

const hotel = `apiVersion: velocity.sh/v1
kind: SchemaDefinition
metadata: { name: hotel, namespace: ${namespace} }
spec:
  version: v1
  auth: { strategyRef: { name: keys, namespace: ${namespace} } }
  access: { roles: [{ role: planner, operations: ['*'] }] }
  fields:
    - name: name
      type: string
      required: true
  search: { tier: Tier1 }
`;
