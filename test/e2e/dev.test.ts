import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { routePath, schemaFile, schemaManifest, writeManifests } from './dev-manifests.ts';
import type { DevRun } from './dev-run.ts';
import { anyRunning, startDev, startProgram } from './dev-run.ts';

/** An edit is live within this time; what the tests add is the time of looking. */
const liveWithinMs = 2_000;
const servedWithinMs = 60_000;
const acknowledgedWrites = 200;
const writersAtOnce = 8;

describe('velocity dev', () => {
  let cwd: string;
  let dev: DevRun;
  const manifests = (): string => join(cwd, 'manifests');

  /** Asks the API with the admin key. */
  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${dev.report.apiUrl}${path}`, {
      ...init,
      headers: { 'x-api-key': dev.report.adminKey, 'content-type': 'application/json' },
    });
  const isServed = async (): Promise<boolean> => {
    const answer = await ask(routePath);
    await answer.arrayBuffer();
    return answer.status === 200;
  };
  const create = (record: Record<string, unknown>): Promise<Response> =>
    ask(routePath, { method: 'POST', body: JSON.stringify(record) });

  beforeAll(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'velocity-dev-'));
    await writeManifests(manifests());
    dev = await startDev(cwd, ['manifests', '--port', '0']);
    await until(isServed, servedWithinMs).catch((cause: unknown) => {
      throw new Error(`the schema is not served:\n${dev.output()}`, { cause });
    });
  });
  afterAll(async () => {
    await dev.end('SIGTERM').catch(() => undefined);
    await rm(cwd, { recursive: true, force: true });
  });

  it('serves what the folder declares and says where', async () => {
    expect(dev.output()).toContain(dev.report.apiUrl);
    expect(dev.output()).toContain(dev.report.docsUrl);
    expect(dev.output()).toContain(dev.report.adminKey);
    expect((await stat(join(cwd, '.velocity/dev.json'))).mode & 0o777).toBe(0o600);
    expect((await create({ sku: 'first', quantity: 1 })).status).toBe(201);
  });

  it('has an edited file live within two seconds', async () => {
    const extraField = '    - { name: colour, type: string, maxLength: 20 }\n';
    await writeFile(join(manifests(), schemaFile), schemaManifest(extraField));
    let tries = 0;
    await until(async () => {
      tries += 1;
      return (await create({ sku: `coloured-${tries}`, colour: 'blue' })).status === 201;
    }, liveWithinMs);
  });

  it('names file, line and reason of a bad edit and goes on serving the old state', async () => {
    const good = await readFile(join(manifests(), schemaFile), 'utf8');
    const bad = good.replace('type: integer', 'type: interger');
    await writeFile(join(manifests(), schemaFile), bad);
    const line = bad.split('\n').findIndex((text) => text.includes('interger')) + 1;
    await until(async () => dev.output().includes(`${schemaFile}:${line}`), liveWithinMs * 2);
    expect(dev.output()).toContain('interger');
    expect((await create({ sku: 'after-a-bad-edit', quantity: 2 })).status).toBe(201);
    await writeFile(join(manifests(), schemaFile), good);
  });

  it('says once, with file and line, what only the database can refuse', async () => {
    const good = await readFile(join(manifests(), schemaFile), 'utf8');
    const before = dev.output().length;
    const bad = good.replace('type: integer', 'type: boolean');
    await writeFile(join(manifests(), schemaFile), bad);
    const line = bad.split('\n').findIndex((text) => text.startsWith('spec:')) + 1;
    const said = `${schemaFile}:${line}: acme-shop-stock/article is Failed`;
    const since = () => dev.output().slice(before);
    await until(async () => since().includes(said), liveWithinMs * 2);
    await until(isServed, liveWithinMs);
    // Longer than whatever else would be said about it takes to come.
    await sleep(1_000);
    const about = since()
      .split('\n')
      .filter((text) => /WARN|ERROR|is Failed/.test(text));
    expect(about).toHaveLength(1);
    await writeFile(join(manifests(), schemaFile), good);
    await until(async () => since().includes('article is Ready'), liveWithinMs * 2);
  });

  it('refuses a second start in the folder and says who holds it', async () => {
    const second = startProgram(cwd, ['dev', 'manifests']);
    expect(await second.exitCode).toBe(1);
    expect(second.output()).toContain(`pid ${dev.process.pid}`);
    expect(second.output()).toContain(dev.report.apiUrl);
    expect(await isServed()).toBe(true);
  });

  it('starts a crashed API again', async () => {
    const { api } = JSON.parse(await readFile(join(cwd, '.velocity/children.json'), 'utf8')) as {
      api: { identity: { pid: number } };
    };
    process.kill(api.identity.pid, 'SIGKILL');
    await until(async () => dev.output().includes('ended unexpectedly'), 5_000);
    await until(() => isServed().catch(() => false), 20_000);
  });

  it('loses no acknowledged write when everything is killed', async () => {
    const acknowledged = new Set<string>();
    let number = 0;
    const write = async (): Promise<void> => {
      for (;;) {
        number += 1;
        const sku = `kept-${number}`;
        try {
          if ((await create({ sku, quantity: number })).status !== 201) return;
        } catch {
          return;
        }
        acknowledged.add(sku);
      }
    };
    const writers = Array.from({ length: writersAtOnce }, write);
    await until(async () => acknowledged.size >= acknowledgedWrites, 30_000);
    await dev.crash();
    await Promise.all(writers);

    dev = await startDev(cwd, ['manifests']);
    await until(isServed, servedWithinMs);
    const stored = new Map<string, number>();
    for (let cursor: string | undefined, page = 0; page === 0 || cursor; page += 1) {
      const after = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const answer = await ask(`${routePath}?limit=1000&select=sku${after}`);
      const body = (await answer.json()) as {
        data: { sku: string }[];
        pagination: { cursor?: string | null };
      };
      for (const { sku } of body.data) stored.set(sku, (stored.get(sku) ?? 0) + 1);
      cursor = body.pagination.cursor ?? undefined;
    }
    expect([...acknowledged].filter((sku) => stored.get(sku) !== 1)).toEqual([]);
    expect(acknowledged.size).toBeGreaterThanOrEqual(acknowledgedWrites);
  });

  it('stops what a killed run left behind', async () => {
    const left = await dev.children();
    dev.process.kill('SIGKILL');
    dev = await startDev(cwd, ['manifests']);
    expect(await anyRunning(left)).toBe(false);
    expect(dev.output()).toContain('stopped what a killed run left');
    await until(isServed, servedWithinMs);
  });

  it('ends with exit code 0 and no process left on SIGTERM', async () => {
    const children = await dev.children();
    expect(children).toHaveLength(5);
    expect(await dev.end('SIGTERM')).toBe(0);
    expect(await anyRunning(children)).toBe(false);
  });

  it('forgets everything with --fresh', async () => {
    const before = dev.report.adminKey;
    dev = await startDev(cwd, ['manifests', '--fresh']);
    expect(dev.report.adminKey).not.toBe(before);
    await until(isServed, servedWithinMs);
    const answer = (await (await ask(routePath)).json()) as { data: unknown[] };
    expect(answer.data).toEqual([]);
  });
});
