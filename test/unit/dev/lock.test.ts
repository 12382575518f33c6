import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireLock, LockHeldError } from '../../../src/process/dev/lock.ts';
import { findProcess } from '../../../src/process/dev/process-identity.ts';

const now = new Date('2026-01-02T03:04:05Z');

describe('lock of velocity dev', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'velocity-lock-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const path = (): string => join(folder, 'lock');

  it('says who holds it, since when and where it serves', async () => {
    const lock = await acquireLock(path(), now);
    await expect(acquireLock(path(), now)).rejects.toThrow(/still starting/);
    await lock.announce('http://127.0.0.1:8080');
    const refused = await acquireLock(path(), now).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(LockHeldError);
    expect((refused as Error).message).toBe(
      `velocity dev already runs in this folder: pid ${process.pid}, ` +
        'since 2026-01-02T03:04:05.000Z, API http://127.0.0.1:8080',
    );
  });

  it('is free again after release, and leaves nothing else behind', async () => {
    await (await acquireLock(path(), now)).release();
    await acquireLock(path(), now);
    expect(await readdir(folder)).toEqual(['lock']);
  });

  it('takes over from a process that is gone although its number is in use again', async () => {
    const identity = { ...(await findProcess(process.pid)), startMark: 'another boot/1' };
    await writeFile(path(), JSON.stringify({ identity, since: now.toISOString() }));
    await acquireLock(path(), now);
    expect(await readdir(folder)).toEqual(['lock']);
  });

  it('goes to exactly one of many that find the same stale lock', async () => {
    const identity = { pid: 2 ** 22 + 1, startMark: 'another boot/1' };
    await writeFile(path(), JSON.stringify({ identity, since: now.toISOString() }));
    const tries = await Promise.allSettled(
      Array.from({ length: 8 }, () => acquireLock(path(), now)),
    );
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});
