import { createHash } from 'node:crypto';
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { CommandFailure, usageFailure } from '../failures.ts';

/** How far a load has come: everything up to `nextBatch` is applied, nothing beyond is known. */
export interface Journal {
  /** Part of every idempotency key: another load of the same file is another load. */
  readonly loadId: string;
  readonly schema: string;
  readonly file: string;
  readonly fingerprint: string;
  /** What decides how rows are cut into batches and what is sent for each. */
  readonly settings: string;
  readonly startedAt: string;
  readonly nextBatch: number;
  readonly rows: number;
  readonly created: number;
  readonly skipped: number;
  readonly rejected: number;
  /** Length of the file of refused rows, which is cut back to it. */
  readonly rejectedBytes: number;
}

/** The API forgets idempotency keys after a day; a batch in flight then may be applied twice. */
export const idempotencyHours = 24;

export async function findJournal(path: string): Promise<Journal | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Journal;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CommandFailure(`${path} cannot be read: ${(error as Error).message}`, {
      hint: 'Remove it, or give --restart, to begin again.',
      cause: error,
    });
  }
}

/** Refuses to go on with another file or other settings: batches would not be the same ones. */
export function checkJournal(
  journal: Journal,
  path: string,
  wanted: Pick<Journal, 'schema' | 'fingerprint' | 'settings'>,
): void {
  const differs =
    journal.schema !== wanted.schema
      ? `is of a load into ${journal.schema}`
      : journal.fingerprint !== wanted.fingerprint
        ? 'is of another state of the file'
        : journal.settings !== wanted.settings
          ? 'is of a load with other options'
          : undefined;
  if (differs === undefined) return;
  throw usageFailure(
    `${path} ${differs}`,
    'Repeat the command as it was, or begin again with --restart.',
  );
}

export async function writeJournal(path: string, journal: Journal): Promise<void> {
  await writeFile(`${path}.new`, `${JSON.stringify(journal, null, 2)}\n`);
  await rename(`${path}.new`, path);
}

export async function removeJournal(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(`${path}.new`, { force: true });
}

/** Both ends of a file are read; a change between them shows in size or time. */
const fingerprintBytes = 1_048_576;

export async function fingerprintFile(path: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  const hash = createHash('sha256').update(`${size} ${mtimeMs}`);
  const file = await open(path);
  try {
    const buffer = Buffer.alloc(Math.min(size, fingerprintBytes));
    for (const position of [0, Math.max(0, size - fingerprintBytes)]) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
  return hash.digest('hex').slice(0, 32);
}
