import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestDatabase } from '../support/postgres.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { sharedTemporal } from '../support/temporal.ts';
import { startDev, startProgram } from './dev-run.ts';

describe('velocity dev with servers of the user’s own', () => {
  let cwd: string;
  let database: TestDatabase;
  beforeAll(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'velocity-dev-'));
    database = await createTestDatabase();
  });
  afterAll(async () => {
    await database.drop();
    await rm(cwd, { recursive: true, force: true });
  });

  it('starts neither PostgreSQL nor Temporal', async () => {
    const temporalAddress = await sharedTemporal();
    const dev = await startDev(cwd, [
      ...['--port', '0', '--json'],
      ...['--database-url', database.superuserUrl, '--temporal-address', temporalAddress],
    ]);
    try {
      expect(await dev.children()).toHaveLength(3);
      expect(dev.report).toMatchObject({ temporalAddress, temporalUiUrl: null });
      expect(new URL(dev.report.postgresUrl).pathname).toBe(`/${database.name}`);
      const printed = dev
        .output()
        .split('\n')
        .find((line) => line.startsWith('{'));
      expect(JSON.parse(printed ?? '')).toEqual(dev.report);
      expect((await fetch(`${dev.report.apiUrl}/readyz`)).status).toBe(200);
    } finally {
      expect(await dev.end('SIGINT')).toBe(0);
    }
  });

  it('explains a folder that is not there, and a state folder that is not its own', async () => {
    const missing = startProgram(cwd, ['dev', 'nowhere']);
    expect(await missing.exitCode).toBe(1);
    expect(missing.output()).toContain('nowhere is not a folder of manifests');
    await rm(join(cwd, '.velocity/.gitignore'));
    const foreign = startProgram(cwd, ['dev', '--fresh']);
    expect(await foreign.exitCode).toBe(1);
    expect(foreign.output()).toContain('was not made by velocity dev');
    expect(await readFile(join(cwd, '.velocity/secrets.json'), 'utf8')).toContain('adminKey');
  });
});
