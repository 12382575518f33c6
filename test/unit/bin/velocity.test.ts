import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const fixtures = join(root, 'test/fixtures/bin');
let tree: string;

beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), 'velocity-bin-'));
  for (const folder of ['bin', 'src']) mkdirSync(join(tree, folder));
  copyFileSync(join(root, 'bin/velocity.mjs'), join(tree, 'bin/velocity.mjs'));
  copyFileSync(join(root, 'package.json'), join(tree, 'package.json'));
  copyFileSync(join(fixtures, 'main.ts'), join(tree, 'src/main.ts'));
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
});

afterAll(() => rmSync(tree, { recursive: true, force: true }));

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
}

/** Runs the binary on a Node.js that looks old, in a process group of its own. */
async function run(
  what: string,
  end: (pid: number) => void = () => {},
  preload = join(fixtures, 'old-node.cjs'),
): Promise<Ended> {
  const child = spawn(process.execPath, ['--require', preload, 'bin/velocity.mjs', what], {
    cwd: tree,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      const wasReady = output.includes('ready');
      output += text;
      if (!wasReady && output.includes('ready') && child.pid !== undefined) end(child.pid);
    });
  }
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, output };
}

describe('bin/velocity.mjs on an old Node.js', () => {
  it('goes on in the one that npm installed and passes the exit code through', async () => {
    const { code, output } = await run('exit-7');
    expect(output).toBe(`ready on ${process.versions.node}\n`);
    expect(code).toBe(7);
  });

  it('hands on a signal sent to it alone', async () => {
    const { code } = await run('count-interrupts', (pid) => process.kill(pid, 'SIGINT'));
    expect(code).toBe(1);
  });

  it('lets Ctrl-C, which reaches the whole group, count once', async () => {
    const { code } = await run('count-interrupts', (pid) => process.kill(-pid, 'SIGINT'));
    expect(code).toBe(1);
  });

  it('dies of the signal that the program died of', async () => {
    const { code, signal } = await run('wait', (pid) => process.kill(pid, 'SIGTERM'));
    expect({ code, signal }).toEqual({ code: null, signal: 'SIGTERM' });
  });
});
