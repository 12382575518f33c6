import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse';
import type { DemoApi, DemoRecord } from './dev-api.ts';
import { DemoFailure } from './dev-api.ts';

export const airportPath = '/api/vega/flights/network/airport/v1';
export const routePath = '/api/vega/flights/network/route/v1';

type Row = Record<string, string>;

interface Folders {
  /** The repository. */
  readonly root: string;
  /** Where `velocity dev` runs. */
  readonly devFolder: string;
}

/** Airports first: routes refer to them. */
export async function loadFlights(api: DemoApi, folders: Folders): Promise<void> {
  const { airports, routes } = await readFlights(folders.root);
  await load(api, folders, {
    name: 'airports',
    path: airportPath,
    records: airports,
    keyFields: ['iata'],
  });
  await load(api, folders, {
    name: 'routes',
    path: routePath,
    records: routes,
    keyFields: ['origin', 'destination'],
  });
}

/** The files of vega-datasets as records of samples/flights. */
export async function readFlights(
  root: string,
): Promise<{ airports: DemoRecord[]; routes: DemoRecord[] }> {
  const data = join(root, 'node_modules', 'vega-datasets', 'data');
  const airports = await readCsv(join(data, 'airports.csv'));
  const routes = await readCsv(join(data, 'flights-airport.csv'));
  return {
    airports: airports.map(airportOf),
    routes: routes.map((row) => ({ ...row, count: Number(row['count']) })),
  };
}

function airportOf({ latitude, longitude, ...row }: Row): DemoRecord {
  return {
    ...row,
    city: known(row['city']),
    state: known(row['state']),
    position: { lat: Number(latitude), lon: Number(longitude) },
  };
}

/** `NA` is how R, which wrote the file, says that a value is not known. */
function known(value: string | undefined): string | null {
  return value === 'NA' || value === undefined ? null : value;
}

interface Load {
  readonly name: string;
  readonly path: string;
  readonly records: readonly DemoRecord[];
  /** Fields that together tell one row from another, in the file and in the API alike. */
  readonly keyFields: readonly string[];
}

async function load(api: DemoApi, { root, devFolder }: Folders, options: Load): Promise<void> {
  const { name, path, records, keyFields } = options;
  await api.waitForSchema(path);
  const keyOf = (record: DemoRecord) => keyFields.map((field) => record[field]).join(' ');
  const stored = await api.listAll(path, { select: keyFields.join(',') });
  const there = new Set(stored.map(keyOf));
  const missing = records.filter((record) => !there.has(keyOf(record)));
  if (missing.length === 0) {
    console.log(`✓ ${name}: all ${records.length.toLocaleString('en')} are there\n`);
    return;
  }
  const folder = join(devFolder, '.velocity', 'demo');
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${name}-${missing.length}.ndjson`);
  await writeFile(file, missing.map((record) => `${JSON.stringify(record)}\n`).join(''));

  const startedAt = performance.now();
  await runLoad(api, root, path.replace(/^\/api\//, ''), file);
  await rm(file);
  const seconds = (performance.now() - startedAt) / 1_000;
  const rate = Math.round(missing.length / seconds).toLocaleString('en');
  console.log(
    `✓ ${name}: ${missing.length.toLocaleString('en')} sent in ${seconds.toFixed(1)} s (${rate} a second)\n`,
  );
}

/**
 * The command that a user would type; the key goes by the environment, where `ps` does not show it.
 * The file holds only what is missing, so there is never an interrupted load to go on with; and a
 * record that somebody deleted keeps its unique value, so its row is passed over.
 */
async function runLoad(api: DemoApi, root: string, schema: string, file: string): Promise<void> {
  const velocity = join(root, 'bin', 'velocity.mjs');
  const code = await new Promise((resolve, reject) => {
    spawn(process.execPath, [velocity, 'load', '--restart', '--skip-existing', schema, file], {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, VELOCITY_API_URL: api.url, VELOCITY_API_KEY: api.adminKey },
    })
      .on('error', reject)
      .on('close', resolve);
  });
  if (code !== 0) throw new DemoFailure(`velocity load ${schema} ${file} ended with code ${code}`);
}

async function readCsv(path: string): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const row of createReadStream(path).pipe(parse({ columns: true }))) rows.push(row);
  return rows;
}
