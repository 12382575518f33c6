import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const source = join(import.meta.dirname, '../../../src/process/yield-to-requests.ts');
const isLinux = process.platform === 'linux';

/** In a process of its own, since nobody but root takes a lower priority back. */
function run(program: string): string {
  const text = `import { getPriority } from 'node:os';
    import { execFileSync } from 'node:child_process';
    import { yieldToRequests, yieldingCommand } from ${JSON.stringify(source)};
    ${program}`;
  const argv = ['--input-type=module-typescript', '--no-warnings', '--eval', text];
  return execFileSync(process.execPath, argv, { encoding: 'utf8' }).trim();
}

describe('work behind requests', () => {
  it('is nice', () => {
    expect(run(`yieldToRequests('nice'); console.log(getPriority());`)).toBe('10');
  });

  it.runIf(isLinux)('runs on idle cores only, in every thread, where that is asked for', () => {
    const policies = run(
      `yieldToRequests('idle');
       console.log(execFileSync('chrt', ['-a', '-p', String(process.pid)], { encoding: 'utf8' }));`,
    );
    const threads = policies.split('\n').filter((line) => line.includes('policy'));
    expect(threads.length).toBeGreaterThan(1);
    expect(threads.filter((line) => !line.endsWith('SCHED_IDLE'))).toEqual([]);
  });

  it.runIf(isLinux)('starts a server of somebody else the same way', () => {
    const policy = run(
      `const [file, ...args] = yieldingCommand('idle');
       const asks = [...args, 'sh', '-c', 'chrt -p $$; nice'];
       console.log(execFileSync(file, asks, { encoding: 'utf8' }));`,
    );
    expect(policy).toMatch(/SCHED_IDLE[\s\S]*\n19$/);
  });
});
