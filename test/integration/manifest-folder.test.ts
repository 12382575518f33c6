import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { Resource, SchemaDefinition } from '../../src/contract/kinds.ts';
import type { FolderReport } from '../../src/resources/folder.ts';
import { applyFolder } from '../../src/resources/folder.ts';
import { watchFolder } from '../../src/resources/folder-watch.ts';
import { openPostgresStore } from '../../src/resources/postgres/postgres-store.ts';
import type { ResourceStore } from '../../src/resources/store.ts';
import type { Pool } from '../../src/store/pool.ts';
import { openPool } from '../../src/store/pool.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import {
  application,
  domain,
  organisation,
  schema,
} from '../unit/resources/admission/manifests.ts';

const namespace = 'acme-shop-orders';
const tree = [organisation('acme'), application('acme', 'shop'), domain('acme', 'shop', 'orders')];

let database: TestDatabase;
let pool: Pool;
let store: ResourceStore;
let dir: string;

beforeAll(async () => {
  database = await createTestDatabase();
  const connectionString = database.operatorUrl;
  pool = openPool({ connectionString, application: 'manifest-folder test' });
  store = openPostgresStore({ pool, connectionString });
});

afterAll(async () => {
  await pool.close();
  await database.drop();
});

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'velocity-folder-'));
  await write('tree.yaml', ...tree);
});

afterEach(async () => {
  await rm(dir, { recursive: true });
  await pool.query({ text: 'delete from platform.resources' });
});

const write = (file: string, ...resources: Resource[]) =>
  writeFile(join(dir, file), resources.map((resource) => stringify(resource)).join('---\n'));

async function findSchema(name: string): Promise<SchemaDefinition | undefined> {
  const found = await store.find({ kind: 'SchemaDefinition', namespace, name });
  return found?.kind === 'SchemaDefinition' ? found : undefined;
}

function outcomes({ applied }: FolderReport): Record<string, string> {
  return Object.fromEntries(
    applied.map(({ key, outcome }) => [`${key.kind}/${key.name}`, outcome]),
  );
}

describe('manifest folder › apply', () => {
  it('applies all files below the folder as one set', async () => {
    const ref = { org: 'acme', app: 'shop', domain: 'orders', object: 'b', version: 'v1' };
    await mkdir(join(dir, 'more'));
    // `a` is read before what it refers to.
    await write('a.yml', schema('a', { fields: [{ name: 'b', type: 'ref', ref }] }));
    await writeFile(join(dir, 'more', 'b.json'), JSON.stringify(schema('b')));
    const report = await applyFolder({ dir, store });
    expect(report.problems).toEqual([]);
    expect(outcomes(report)).toEqual({
      'Organisation/acme': 'created',
      'Application/shop': 'created',
      'Domain/orders': 'created',
      'SchemaDefinition/a': 'created',
      'SchemaDefinition/b': 'created',
    });
    const again = await applyFolder({ dir, store });
    expect(new Set(Object.values(outcomes(again)))).toEqual(new Set(['unchanged']));
  });

  it('keeps bad files out, with file, line and reason, and applies the others', async () => {
    await write('good.yaml', schema('good'));
    await writeFile(join(dir, 'syntax.yaml'), 'kind: Organisation\nmetadata: {name: [}\n');
    await write('structure.yaml', { ...schema('structure'), spec: {} as never });
    const manifest = stringify(schema('rules', { fields: [{ name: 'xmin', type: 'string' }] }));
    await writeFile(join(dir, 'rules.yaml'), `# a comment\n${manifest}`);
    const line = 1 + manifest.split('\n').findIndex((text) => text.includes('xmin')) + 1;

    const report = await applyFolder({ dir, store });
    expect(outcomes(report)).toMatchObject({ 'SchemaDefinition/good': 'created' });
    const files = new Set(report.problems.map(({ file }) => file));
    expect([...files].sort()).toEqual(['rules.yaml', 'structure.yaml', 'syntax.yaml']);
    expect(report.problems.find(({ file }) => file === 'rules.yaml')).toMatchObject({
      line,
      message: expect.stringContaining('"xmin" is reserved'),
      hint: expect.any(String),
    });
    expect(report.problems.find(({ file }) => file === 'syntax.yaml')?.line).toBe(2);
    expect(await findSchema('rules')).toBeUndefined();
  });

  it('passes over data, hidden files and what a resource was exported with', async () => {
    await mkdir(join(dir, '.velocity'));
    await writeFile(join(dir, '.velocity', 'state.yaml'), 'not: a manifest');
    await writeFile(join(dir, 'data.json'), '[{"iata": "SFO"}]');
    await applyFolder({ dir, store });
    const [stored] = await store.list({ kind: 'Organisation' });
    await store.apply([organisation('acme', { displayName: 'Meanwhile' })]);
    await write('tree.yaml', stored!, ...tree.slice(1));
    const report = await applyFolder({ dir, store });
    expect(report.problems).toEqual([]);
    expect(outcomes(report)).toMatchObject({ 'Organisation/acme': 'configured' });
    expect(report.warnings.filter((warning) => warning.includes('data.json'))).toHaveLength(1);
  });
});

describe('manifest folder › watch', () => {
  let reports: FolderReport[];
  let stop: AbortController;
  let watching: Promise<void>;

  beforeEach(async () => {
    reports = [];
    stop = new AbortController();
    await write('a.yaml', schema('a'));
    watching = watchFolder({
      dir,
      store,
      onReport: (report) => reports.push(report),
      onError: (error) => {
        throw error;
      },
      signal: stop.signal,
    });
    await until(async () => reports.length === 1, 20_000);
  });

  afterEach(async () => {
    stop.abort();
    await watching;
  });

  const described = (description: string) => schema('a', { description });
  const isStored = async (description: string) =>
    (await findSchema('a'))?.spec.description === description;
  const within = 20_000;

  it('applies an edit soon after it was written, and only the edited file', async () => {
    await write('a.yaml', described('edited'));
    const tookMs = await until(() => isStored('edited'), within);
    expect(tookMs).toBeLessThan(1_500);
    await until(async () => reports.length === 2, within);
    expect(outcomes(reports[1]!)).toEqual({ 'SchemaDefinition/a': 'configured' });
  });

  it('follows an editor that writes beside and renames', async () => {
    await write('.a.yaml.swp', described('renamed'));
    await rename(join(dir, '.a.yaml.swp'), join(dir, 'a.yaml'));
    await until(() => isStored('renamed'), within);
  });

  it('reports a bad edit, keeps the old state, and recovers', async () => {
    await writeFile(join(dir, 'a.yaml'), 'kind: SchemaDefinition\nspec: {version: [\n');
    await until(async () => reports.length === 2, within);
    expect(reports[1]?.problems[0]).toMatchObject({ file: 'a.yaml', line: expect.any(Number) });
    expect(reports[1]?.warnings).toEqual([]);
    expect(await findSchema('a')).toBeDefined();
    await write('a.yaml', described('repaired'));
    await until(() => isStored('repaired'), within);
  });

  it('tries a refused file again when what it lacked has come', async () => {
    const ref = { org: 'acme', app: 'shop', domain: 'orders', object: 'target', version: 'v1' };
    await write('b.yaml', schema('b', { fields: [{ name: 'to', type: 'ref', ref }] }));
    await until(async () => reports.at(-1)?.problems[0]?.file === 'b.yaml', within);
    await write('target.yaml', schema('target'));
    await until(async () => (await findSchema('b')) !== undefined, within);
  });

  it('keeps the resources of a removed file and says how to delete them', async () => {
    await rm(join(dir, 'a.yaml'));
    await until(async () => reports.length === 2, within);
    expect(reports[1]?.warnings).toEqual([
      expect.stringContaining(`velocity delete schemadefinitions a -n ${namespace}`),
    ]);
    expect(await findSchema('a')).toBeDefined();
  });

  it('says nothing of a resource that only moved to another file', async () => {
    await rename(join(dir, 'a.yaml'), join(dir, 'moved.yaml'));
    await until(async () => reports.length >= 2, within);
    expect(reports.flatMap(({ warnings }) => warnings).join()).not.toContain('velocity delete');
  });
});
