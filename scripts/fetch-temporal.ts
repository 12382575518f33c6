import { existsSync, renameSync, rmSync } from 'node:fs';
import { mkdtemp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';

/**
 * Lets the Temporal SDK download its dev server and keeps it as `{folder}/temporal`: the way for
 * a machine that has neither the CLI nor Go. The SDK only downloads what it then starts.
 */
const downloadMaxMs = 180_000;

async function fetchTemporal(folder: string): Promise<void> {
  const downloads = await mkdtemp(join(folder, 'downloading-'));
  try {
    const server = await TestWorkflowEnvironment.createLocal({
      server: { executable: { type: 'cached-download', downloadDir: downloads } },
    });
    await server.teardown();
    const [downloaded] = await readdir(downloads);
    if (downloaded === undefined) throw new Error('the SDK downloaded nothing');
    renameSync(join(downloads, downloaded), join(folder, 'temporal'));
  } finally {
    rmSync(downloads, { recursive: true, force: true });
  }
}

const folder = process.argv[2];
if (folder === undefined || !existsSync(folder)) {
  process.stderr.write('usage: fetch-temporal.ts FOLDER (which must exist)\n');
  process.exitCode = 2;
} else {
  setTimeout(() => process.exit(1), downloadMaxMs).unref();
  try {
    await fetchTemporal(folder);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
