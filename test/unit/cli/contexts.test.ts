import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startLocalApi } from './local-api.ts';
import { runVelocity, temporaryFolder } from './run-velocity.ts';

const staging = ['--url', 'https://staging.example', '--api-key', 'vel_dev_abcdefgh'];

describe('contexts', () => {
  it('keeps a context in a file that only its owner may read, and never shows its key', async () => {
    const folder = await temporaryFolder();
    const set = await runVelocity(['context', 'set', 'staging', ...staging], { folder });
    expect(set).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('(current)') });

    const file = join(folder, 'config', 'velocity', 'config.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({
      current: 'staging',
      contexts: { staging: { url: 'https://staging.example', apiKey: 'vel_dev_abcdefgh' } },
    });
    const shown = await runVelocity(['context', 'show'], { folder });
    expect(shown.stdout).toContain('vel_dev_abcd…');
    expect(shown.stdout).not.toContain('abcdefgh');
  });

  it('reads a key from standard input', async () => {
    const folder = await temporaryFolder();
    const argv = ['context', 'set', 'prod', '--url', 'https://prod.example', '--api-key', '-'];
    await runVelocity(argv, { folder, stdin: 'vel_prod_secret\n' });
    const file = join(folder, 'config', 'velocity', 'config.json');
    expect(await readFile(file, 'utf8')).toContain('"vel_prod_secret"');
  });

  it('finds the velocity dev of a folder above when there is no context', async () => {
    const folder = await temporaryFolder();
    await writeDevReport(folder, 'http://127.0.0.1:18080');
    const below = join(folder, 'a', 'b');
    await mkdir(below, { recursive: true });
    const shown = await runVelocity(['context', 'show', '-o', 'json'], { folder: below });
    expect(JSON.parse(shown.stdout)).toMatchObject({
      name: 'dev',
      url: 'http://127.0.0.1:18080',
      source: join(folder, '.velocity', 'dev.json'),
    });
  });

  it('uses the current context although a velocity dev runs here, unless dev is asked for', async () => {
    const folder = await temporaryFolder();
    await writeDevReport(folder, 'http://127.0.0.1:18080');
    await runVelocity(['context', 'set', 'staging', ...staging], { folder });
    const url = async (argv: string[], contextName?: string) => {
      const options = contextName === undefined ? {} : { config: { contextName } };
      const shown = await runVelocity(['context', 'show', '-o', 'json', ...argv], {
        folder,
        ...options,
      });
      return (JSON.parse(shown.stdout) as { url: string }).url;
    };
    expect(await url([])).toBe('https://staging.example');
    expect(await url(['--context', 'dev'])).toBe('http://127.0.0.1:18080');
    expect(await url([], 'dev')).toBe('http://127.0.0.1:18080');
  });

  it('never sends a saved key to another address', async () => {
    const folder = await temporaryFolder();
    const api = await startLocalApi({ 'GET /api': () => ({ body: { data: [] } }) });
    await runVelocity(['context', 'set', 'staging', ...staging], { folder });
    await runVelocity(['query', 'airport', '--url', api.url], { folder });
    expect(api.asked.length).toBeGreaterThan(0);
    expect(api.asked.map(({ headers }) => headers['x-api-key'])).toEqual([undefined]);
  });

  it('says what to do when there is no API to talk to', async () => {
    const ran = await runVelocity(['status']);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toMatch(/no API to talk to[\s\S]*velocity dev[\s\S]*context set/);
  });

  it('names the known contexts when asked for another', async () => {
    const folder = await temporaryFolder();
    await runVelocity(['context', 'set', 'staging', ...staging], { folder });
    const ran = await runVelocity(['status', '--context', 'stagging'], { folder });
    expect(ran).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('staging, dev') });
  });
});

async function writeDevReport(folder: string, apiUrl: string): Promise<void> {
  await mkdir(join(folder, '.velocity'));
  const report = { apiUrl, adminKey: 'vel_dev_admin' };
  await writeFile(join(folder, '.velocity', 'dev.json'), JSON.stringify(report));
}
