import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ensureBootstrapKey } from '../../src/auth/bootstrap-key.ts';
import { isReady } from '../../src/resources/status.ts';
import type { ControlPlane } from '../support/control-plane.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { testTenant } from '../support/manifests.ts';
import type { ApiProcess } from './api/api-process.ts';
import { spawnApi } from './api/api-process.ts';
import { NameTable, normalise, readTranscript, withTyped } from './transcript/transcript.ts';

/**
 * Pages of docs/ say what a person types and what comes back. Here somebody types it, and reads: against a real API, worker, operator, Temporal and Postgres. With VELOCITY_WRITE_TRANSCRIPT
 * set, what comes back is written into the page instead.
 */
const pages = ['living-schemas.md', 'drift.md', 'versions.md', 'explain.md'];
const program = fileURLToPath(new URL('../../bin/velocity.mjs', import.meta.url));
const writes = process.env['VELOCITY_WRITE_TRANSCRIPT'] !== undefined;

/** `psql "$DATABASE_URL" -c SQL`, which Postgres from npm does not bring along. */
const driver = fileURLToPath(import.meta.resolve('pg'));
const psql = `#!${process.execPath}
const { default: pg } = await import(${JSON.stringify(driver)});
const [url, , text] = process.argv.slice(2);
const client = new pg.Client(url);
await client.connect();
for (const { command, rowCount } of [await client.query(text)].flat()) {
  process.stdout.write(command === 'UPDATE' ? \`UPDATE \${rowCount}\\n\` : command + '\\n');
}
await client.end();
`;

let plane: ControlPlane;
let api: ApiProcess;
let adminKey: string;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'velocity-page-'));
  const script = `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`;
  await mkdir(join(folder, 'bin'));
  await writeFile(join(folder, 'bin/velocity'), script, { mode: 0o755 });
  await writeFile(join(folder, 'bin/psql'), psql, { mode: 0o755 });
  plane = await startControlPlane();
  await Promise.all([plane.startWorker(), plane.startOperator()]);
  adminKey = await ensureBootstrapKey(plane.superuserUrl, { env: 'test' });
  api = await spawnApi({
    VELOCITY_DATABASE_URL: plane.apiDatabaseUrl,
    VELOCITY_TEMPORAL_ADDRESS: plane.temporalAddress(),
  });
  const tenant = testTenant('corner');
  await plane.store.apply(tenant.base);
  const domain = { kind: 'Domain', namespace: tenant.namespace, name: 'sales' } as const;
  await plane.until(domain, (found) => found !== undefined && isReady(found));
});

afterAll(async () => {
  api?.kill('SIGKILL');
  await api?.exited;
  await plane?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

/** Both streams as a terminal shows them. */
async function type(command: string): Promise<string> {
  const child = spawn('sh', ['-c', `exec 2>&1; ${command}`], {
    cwd: folder,
    env: {
      PATH: `${folder}/bin:${process.env['PATH']}`,
      ...{ HOME: folder, XDG_CONFIG_HOME: folder, NO_COLOR: '1' },
      ...{ VELOCITY_API_URL: api.url, VELOCITY_API_KEY: adminKey },
      DATABASE_URL: plane.operatorDatabaseUrl,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  await once(child, 'close');
  return output.trimEnd();
}

it.each(pages)(
  'what %s says is what happens',
  async (name) => {
    const page = fileURLToPath(new URL(`../../docs/${name}`, import.meta.url));
    const text = await readFile(page, 'utf8');
    const transcript = readTranscript(text);
    expect(transcript.filter(({ kind }) => kind === 'command').length).toBeGreaterThan(9);
    const names = new NameTable();
    const typed: { command: string; output: string }[] = [];
    for (const item of transcript) {
      if (item.kind === 'file') {
        await writeFile(join(folder, item.name), item.content);
        continue;
      }
      const command = names.translate(item.command);
      const output = await type(command);
      typed.push({ command, output });
      names.learn(item.output, output);
      if (writes) continue;
      expect(normalise(output), `$ ${command}`).toBe(normalise(item.output));
    }
    if (writes) await writeFile(page, withTyped(text, typed));
  },
  120_000,
);
