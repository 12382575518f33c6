import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openChildRecord, stopLeftovers } from '../../../src/process/dev/leftovers.ts';
import type { ProcessIdentity } from '../../../src/process/dev/process-identity.ts';
import { commandLineOf, findProcess } from '../../../src/process/dev/process-identity.ts';
import { openStateFolder } from '../../../src/process/dev/state-folder.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'velocity-leftovers-'));
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

/** A shell that becomes another program while nobody looks, as `nice` does. */
async function startChanging(): Promise<ProcessIdentity> {
  const child = spawn('sh', ['-c', 'sleep 0.3; exec sleep 60'], { stdio: 'ignore' });
  await once(child, 'spawn');
  return (await findProcess(child.pid as number)) as ProcessIdentity;
}

describe('children of a run that was killed', () => {
  it('are stopped although they are another program by now', async () => {
    const folder = await openStateFolder(cwd);
    const identity = await startChanging();
    await openChildRecord(folder).set('temporal', identity);
    await expect.poll(() => commandLineOf(identity.pid)).toBe('sleep 60');
    expect(await stopLeftovers(folder)).toEqual(['temporal']);
    await expect.poll(() => findProcess(identity.pid)).toBeUndefined();
  });

  it('are left alone where their number belongs to another process', async () => {
    const folder = await openStateFolder(cwd);
    const identity = await startChanging();
    await openChildRecord(folder).set('temporal', { ...identity, startMark: 'another boot/1' });
    expect(await stopLeftovers(folder)).toEqual([]);
    await sleep(50);
    expect(await findProcess(identity.pid)).toEqual(identity);
    process.kill(identity.pid);
  });
});
