import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../..');
/** What every machine has; neither npm, nor Go, nor the Temporal CLI. */
const bareCommands = 'bash make env grep sed tr paste date dirname mktemp mkdir rm mv tail expand';

let tree: string;

beforeEach(() => {
  tree = mkdtempSync(join(tmpdir(), 'velocity-setup-'));
  for (const part of ['Makefile', 'scripts', 'package.json', 'package-lock.json']) {
    cpSync(join(root, part), join(tree, part), { recursive: true });
  }
  mkdirSync(join(tree, 'path'));
  for (const command of bareCommands.split(' ')) {
    const found = ['/usr/bin', '/bin', '/usr/local/bin'].map((folder) => join(folder, command));
    const existing = found.find((path) => existsSync(path));
    if (existing) symlinkSync(existing, join(tree, 'path', command));
  }
});

afterEach(() => rmSync(tree, { recursive: true, force: true }));

function make(target: string, cache: string) {
  const { status, stderr } = spawnSync('make', [target], {
    cwd: tree,
    encoding: 'utf8',
    env: { PATH: join(tree, 'path'), HOME: tree, VELOCITY_CACHE: cache },
  });
  const sentences = stderr.split('\n').filter((line) => line.startsWith('velocity setup:'));
  return { status, sentences };
}

describe('make', () => {
  it('says in one sentence that npm is missing and where it comes from', () => {
    const { status, sentences } = make('dev', join(tree, 'cache'));
    expect(status).not.toBe(0);
    expect(sentences).toEqual([
      expect.stringMatching(/npm is missing: install Node\.js from https:\/\/nodejs\.org/),
    ]);
  });

  it('says in one sentence that the tools folder cannot be written to', () => {
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
    const { status, sentences } = make('temporal', '/proc/velocity');
    expect(status).not.toBe(0);
    expect(sentences).toEqual([expect.stringMatching(/set VELOCITY_CACHE to a folder/)]);
  });

  it('uses a Temporal CLI of the cache without asking for Go', () => {
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
    mkdirSync(join(tree, 'cache/bin'), { recursive: true });
    symlinkSync('/bin/true', join(tree, 'cache/bin/temporal'));
    expect(make('temporal', join(tree, 'cache'))).toEqual({ status: 0, sentences: [] });
  });
});
