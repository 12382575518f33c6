import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const installMaxMs = 180_000;

/** Somebody's project that has Velocity as a dependency: no work tree, no TypeScript sources. */
let project: string;

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'velocity-package-'));
  writeFileSync(join(project, 'package.json'), '{ "private": true }\n');
  const run = (command: string, args: string[], cwd: string) =>
    execFileSync(command, args, { cwd, stdio: 'pipe', timeout: installMaxMs });
  run('npm', ['pack', '--silent', '--pack-destination', project], root);
  const [tarball] = readdirSync(project).filter((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack made nothing');
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`], project);
}, 2 * installMaxMs);

afterAll(() => rmSync(project, { recursive: true, force: true }));

function velocity(...args: string[]) {
  return spawn(join(project, 'node_modules/.bin/velocity'), args, {
    cwd: project,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function outputOf(child: ReturnType<typeof velocity>): Promise<[string, number | null]> {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return [output, code];
}

describe('the npm package', () => {
  it('prints its commands from dist', async () => {
    const [output, code] = await outputOf(velocity('--help'));
    expect(output).toMatch(/\bdev\b[\s\S]*\bapply\b|\bapply\b[\s\S]*\bdev\b/);
    expect(code).toBe(0);
  });

  it('runs the whole platform on the samples it carries and ends with exit code 0', async () => {
    const child = velocity('dev', 'node_modules/velocity/samples', '--json');
    const ended = outputOf(child);
    try {
      const { apiUrl, adminKey } = await firstObject(child);
      await expect
        .poll(
          async () => {
            const answer = await fetch(`${apiUrl}/api/vega/flights/network/airport/v1`, {
              headers: { 'x-api-key': adminKey },
            });
            return answer.status;
          },
          { timeout: 60_000, interval: 500 },
        )
        .toBe(200);
    } finally {
      child.kill('SIGTERM');
    }
    const [output, code] = await ended;
    expect(code, output).toBe(0);
  });
});

/** What `velocity dev --json` prints once everything is up. */
async function firstObject(child: ReturnType<typeof velocity>) {
  return new Promise<{ apiUrl: string; adminKey: string }>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (part: string) => {
      text += part;
      try {
        resolve(JSON.parse(text));
      } catch {
        // not whole yet
      }
    });
    child.once('exit', (code) => reject(new Error(`velocity dev ended with ${code}: ${text}`)));
  });
}
