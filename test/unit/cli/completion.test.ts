import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { processes } from '../../../src/contract/processes.ts';
import { runVelocity, temporaryFolder } from './run-velocity.ts';

const execute = promisify(execFile);

/** What bash itself would offer for these words, the last one being completed. */
async function completeInBash(words: readonly string[]): Promise<string[]> {
  const folder = await temporaryFolder();
  const script = join(folder, 'velocity.bash');
  await writeFile(script, (await runVelocity(['completion', 'bash'])).stdout);
  const line = words.map((word) => `'${word}'`).join(' ');
  const commands = `source ${script}; COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _velocity; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await execute('bash', ['--norc', '-c', commands]);
  return stdout.split('\n').filter((word) => word !== '');
}

describe('completion', () => {
  it('offers every command, processes included', async () => {
    const offered = await completeInBash(['velocity', '']);
    expect(offered).toEqual(expect.arrayContaining([...Object.keys(processes), 'load', 'record']));
    expect(await completeInBash(['velocity', 'ap'])).toEqual([
      'api',
      'apply',
      'approve',
      'api-key',
    ]);
  });

  it('knows subcommands, options and the values of options', async () => {
    expect(await completeInBash(['velocity', 'record', 'up'])).toEqual(['update']);
    expect(await completeInBash(['velocity', 'record', 'update', '--if'])).toEqual([
      '--if-version',
    ]);
    expect(await completeInBash(['velocity', 'get', 'schemad'])).toEqual(['schemadefinition']);
    expect(await completeInBash(['velocity', 'get', 'x', '-o', ''])).toEqual([
      'table',
      'json',
      'yaml',
    ]);
  });

  it.each(['zsh', 'fish'])('has a script for %s that names every command', async (shell) => {
    const { stdout } = await runVelocity(['completion', shell]);
    for (const word of ['api-key', 'completion', 'validate', '--skip-existing'.slice(2)]) {
      expect(stdout).toContain(word);
    }
  });
});
