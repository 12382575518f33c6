import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * `node scripts/record-histories.ts NAME` runs every workflow against real servers and keeps what
 * Temporal recorded as temporal/histories/NAME, for the replay gate. It never writes into a folder
 * that is there: runs of that age may still be under way somewhere.
 */
const [name] = process.argv.slice(2);
const root = fileURLToPath(new URL('..', import.meta.url));

if (name === undefined || !/^[a-z0-9.-]+$/.test(name)) {
  process.stderr.write('usage: node scripts/record-histories.ts NAME (a release, say 0.2.0)\n');
  process.exit(2);
}
const folder = join(root, 'temporal/histories', name);
if (existsSync(folder)) {
  process.stderr.write(`${folder} is there; choose another name, or remove it by hand\n`);
  process.exit(1);
}
const { status } = spawnSync(
  join(root, 'node_modules/.bin/vitest'),
  ['run', 'test/integration/histories.test.ts'],
  { cwd: root, stdio: 'inherit', env: { ...process.env, VELOCITY_HISTORIES_DIR: folder } },
);
process.exit(status ?? 1);
