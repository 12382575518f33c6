import { createHash } from 'node:crypto';
import type { ApiClient } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { exitCodes } from '../exit-codes.ts';
import { ApiRefusal, CommandFailure } from '../failures.ts';
import type { SchemaFields } from '../schema-fields.ts';
import { batchRows } from './batch-rows.ts';
import type { Journal } from './journal.ts';
import {
  checkJournal,
  findJournal,
  fingerprintFile,
  idempotencyHours,
  removeJournal,
  writeJournal,
} from './journal.ts';
import type { LoadProgress } from './load-progress.ts';
import { startLoadProgress } from './load-progress.ts';
import type { ColumnMap } from './map-columns.ts';
import type { LoadSource } from './open-source.ts';
import { readCsvRows } from './read-csv-rows.ts';
import { readJsonArrayRows, readNdjsonRows } from './read-json-rows.ts';
import { appendRejections, cutRejections } from './rejected-file.ts';
import type { Row } from './row.ts';
import type { BatchResult } from './send-batch.ts';
import { sendBatch } from './send-batch.ts';

export interface Load {
  readonly api: ApiClient;
  /** The schema's route below /api. */
  readonly path: string;
  readonly fields: SchemaFields;
  /** As people call it. */
  readonly name: string;
  /** The file itself; undefined for standard input, which cannot be resumed. */
  readonly file: string | undefined;
  readonly source: LoadSource;
  readonly map: ColumnMap;
  readonly nulls: ReadonlySet<string>;
  readonly batchSize: number;
  readonly skipExisting: boolean;
  readonly restart: boolean;
  readonly journalPath: string;
  readonly rejectedPath: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

export interface LoadSummary {
  readonly schema: string;
  readonly file: string;
  readonly rows: number;
  readonly created: number;
  readonly skipped: number;
  readonly rejected: number;
  readonly seconds: number;
  readonly rowsPerSecond: number;
  readonly rejectedFile: string | null;
}

/** Two keep the API busy while the next batch is read; more only lengthen what Ctrl-C waits for. */
const inFlightMax = 2;

/** Memory is bounded by the batches in flight. Interrupted, it says how to go on and ends with 130. */
export async function loadFile(cli: Cli, load: Load): Promise<LoadSummary> {
  let journal = await beginJournal(cli, load);
  const rowsBefore = journal.rows;
  const startedMs = cli.now();
  const progress = startLoadProgress(cli, load.name, rowsBefore);
  const stop = stopOnInterrupt(cli, progress);
  const { loadId, nextBatch: first, rows: skip } = journal;
  if (first > 0) progress.note(`going on after ${journal.rows} rows of an interrupted load`);

  const settle = async (sent: Promise<BatchResult>) => {
    const result = await sent;
    journal = await keep(load, journal, result);
    progress.show({ ...journal, fraction: fractionOf(load.source) });
  };
  const inFlight: Promise<BatchResult>[] = [];
  let sentAny = false;
  try {
    for await (const batch of batchRows(readRows(load), { rowsMax: load.batchSize, first, skip })) {
      if (stop.asked()) break;
      const sent = sendBatch(batch, {
        api: load.api,
        path: load.path,
        idempotencyKey: `load-${loadId}-${batch.number}`,
        skipExisting: load.skipExisting,
        headers: load.headers,
        signal: stop.signal,
        onRetry: (waitMs, reason) =>
          progress.note(`${reason}; again in ${(waitMs / 1_000).toFixed(1)} s`),
      });
      sent.catch(() => {}); // a later batch may fail first; `settle` meets the error in its turn
      inFlight.push(sent);
      sentAny = true;
      // The first goes alone: what is wrong with every row is then known before a row is applied.
      const limit = journal.nextBatch === first ? 1 : inFlightMax;
      if (inFlight.length >= limit) await settle(inFlight.shift()!);
    }
    while (inFlight.length > 0) await settle(inFlight.shift()!);
    if (stop.asked()) throw interrupted(load, journal);
  } catch (error) {
    await Promise.allSettled(inFlight);
    progress.end();
    if (stop.asked()) throw interrupted(load, journal);
    if (journal.nextBatch === 0 && (!sentAny || isRefusal(error)))
      await removeJournal(load.journalPath);
    throw error instanceof CommandFailure ? stoppedAt(error, load, journal) : error;
  } finally {
    stop.dispose();
  }
  progress.end();
  await removeJournal(load.journalPath);
  return summarise(load, journal, (cli.now() - startedMs) / 1_000, rowsBefore);
}

function readRows({ source, fields, map, nulls }: Load): AsyncIterable<Row> {
  switch (source.format) {
    case 'csv':
      return readCsvRows(source.text, { delimiter: source.delimiter, fields, map, nulls });
    case 'ndjson':
      return readNdjsonRows(source.text, map);
    case 'json':
      return readJsonArrayRows(source.text, map);
  }
}

async function beginJournal(cli: Cli, load: Load): Promise<Journal> {
  const { path: schema, source, map, nulls, batchSize, skipExisting } = load;
  const { format, delimiter } = source;
  const settings = hash([format, delimiter, [...map], [...nulls], batchSize, skipExisting]);
  const fingerprint = load.file === undefined ? 'stream' : await fingerprintFile(load.file);
  const found =
    load.file === undefined || load.restart ? undefined : await findJournal(load.journalPath);
  if (found !== undefined) {
    checkJournal(found, load.journalPath, { schema, fingerprint, settings });
    const hours = (cli.now() - Date.parse(found.startedAt)) / 3_600_000;
    if (hours > idempotencyHours) {
      throw new CommandFailure(
        `this load began ${Math.floor(hours)} hours ago, too long to go on safely`,
        {
          hint: `Up to ${inFlightMax * batchSize} rows after row ${found.rows} may be there already. Begin again with --restart (and --skip-existing).`,
        },
      );
    }
    await cutRejections(load.rejectedPath, found.rejectedBytes);
    return found;
  }
  const journal: Journal = {
    loadId: hash([fingerprint, cli.newId()]),
    schema,
    file: load.name,
    fingerprint,
    settings,
    startedAt: new Date(cli.now()).toISOString(),
    nextBatch: 0,
    rows: 0,
    created: 0,
    skipped: 0,
    rejected: 0,
    rejectedBytes: 0,
  };
  await cutRejections(load.rejectedPath, 0);
  if (load.file !== undefined) await writeJournal(load.journalPath, journal);
  return journal;
}

/** Refused rows first: the journal then vouches for what is in their file. */
async function keep(load: Load, before: Journal, result: BatchResult): Promise<Journal> {
  const bytes = await appendRejections(load.rejectedPath, result.rejections);
  const journal: Journal = {
    ...before,
    nextBatch: result.batch.number + 1,
    rows: before.rows + result.batch.rows.length,
    created: before.created + result.created,
    skipped: before.skipped + result.skipped,
    rejected: before.rejected + result.rejections.length,
    rejectedBytes: before.rejectedBytes + bytes,
  };
  if (load.file !== undefined) await writeJournal(load.journalPath, journal);
  return journal;
}

/** The first Ctrl-C lets batches in flight end; the second gives them up, which is safe as well. */
function stopOnInterrupt(cli: Cli, progress: LoadProgress) {
  const controller = new AbortController();
  let asked = false;
  const dispose = cli.onInterrupt(() => {
    if (asked) return controller.abort();
    asked = true;
    progress.note('stopping after the batches in flight (Ctrl-C again: at once)');
  });
  return { signal: controller.signal, asked: () => asked, dispose };
}

function interrupted(load: Load, journal: Journal): CommandFailure {
  return new CommandFailure(`interrupted after ${journal.rows} rows`, {
    exitCode: exitCodes.interrupted,
    hint: load.file === undefined ? undefined : 'Run the same command again to go on from there.',
  });
}

function stoppedAt(error: CommandFailure, load: Load, journal: Journal): CommandFailure {
  if (journal.rows === 0 || load.file === undefined) return error;
  return new CommandFailure(`${error.message}; stopped after ${journal.rows} rows`, {
    exitCode: error.exitCode,
    hint: [error.hint, 'Run the same command again to go on from there.'].filter(Boolean).join(' '),
    cause: error,
  });
}

/** The API has decided; whatever else ends a request leaves open whether it was applied. */
function isRefusal(error: unknown): boolean {
  return error instanceof ApiRefusal && error.status < 500;
}

function fractionOf({ bytesTotal, bytesRead }: LoadSource): number | undefined {
  return bytesTotal === undefined || bytesTotal === 0 ? undefined : bytesRead() / bytesTotal;
}

function summarise(load: Load, journal: Journal, seconds: number, rowsBefore: number): LoadSummary {
  const { rows, created, skipped, rejected } = journal;
  return {
    schema: load.path,
    file: load.name,
    rows,
    created,
    skipped,
    rejected,
    seconds: Math.round(seconds * 100) / 100,
    rowsPerSecond: Math.round((rows - rowsBefore) / Math.max(seconds, 0.001)),
    rejectedFile: rejected === 0 ? null : load.rejectedPath,
  };
}

function hash(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 24);
}
