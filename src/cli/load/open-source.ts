import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CommandFailure, usageFailure } from '../failures.ts';

export const loadFormats = ['csv', 'ndjson', 'json'] as const;
export type LoadFormat = (typeof loadFormats)[number];

export interface LoadSource {
  readonly format: LoadFormat;
  /** Of CSV: what stands between values. */
  readonly delimiter: string;
  readonly text: AsyncIterable<string>;
  /** Undefined where the end is not known: standard input. */
  readonly bytesTotal: number | undefined;
  bytesRead(): number;
}

export interface SourceOptions {
  /** Undefined: standard input. */
  readonly path: string | undefined;
  readonly stdin: Readable;
  readonly format: LoadFormat | undefined;
  readonly delimiter: string | undefined;
  /** A label that TextDecoder knows: utf-8, latin1, utf-16le. */
  readonly encoding: string;
}

/** Opens the rows' text, decompressed and decoded; the format by name, else by the first character. */
export async function openSource(options: SourceOptions): Promise<LoadSource> {
  const { path, encoding } = options;
  let bytesRead = 0;
  const bytesTotal = path === undefined ? undefined : await sizeOf(path);
  const file = path === undefined ? options.stdin : createReadStream(path);
  const counted = count(file, (bytes) => {
    bytesRead += bytes;
  });
  const plain = path?.endsWith('.gz') ? gunzip(counted, path) : counted;
  const { first, all } = await peek(decode(plain, encoding));
  const format = options.format ?? formatOfName(path) ?? formatOfText(first);
  const delimiter = options.delimiter ?? (/\.tsv(\.gz)?$/i.test(path ?? '') ? '\t' : ',');
  return { format, delimiter, text: all, bytesTotal, bytesRead: () => bytesRead };
}

async function sizeOf(path: string): Promise<number> {
  const stats = await stat(path).catch((error: unknown) => {
    throw usageFailure(`${path} cannot be read: ${(error as Error).message}`);
  });
  if (stats.isDirectory()) throw usageFailure(`${path} is a folder`, 'Load its files one by one.');
  return stats.size;
}

async function* count(
  chunks: AsyncIterable<Buffer>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    onBytes(chunk.length);
    yield chunk;
  }
}

async function* gunzip(chunks: AsyncIterable<Buffer>, path: string): AsyncGenerator<Buffer> {
  const inflated = createGunzip();
  // The error reaches the reader through `inflated`, which pipeline destroys with it.
  pipeline(Readable.from(chunks), inflated, () => {});
  try {
    yield* inflated as AsyncIterable<Buffer>;
  } catch (error) {
    throw new CommandFailure(`${path} is not a whole gzip file: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Text that is not of its encoding would be stored as question marks: better to stop. */
async function* decode(chunks: AsyncIterable<Buffer>, encoding: string): AsyncGenerator<string> {
  let decoder: InstanceType<typeof TextDecoder>;
  try {
    decoder = new TextDecoder(encoding, { fatal: true });
  } catch {
    throw usageFailure(
      `"${encoding}" is not a known encoding`,
      'For example: utf-8, latin1, utf-16le.',
    );
  }
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      const text = decoder.decode(chunk, { stream: true });
      bytes += chunk.length;
      if (text !== '') yield text;
    }
    const rest = decoder.decode();
    if (rest !== '') yield rest;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new CommandFailure(`the text is not ${encoding} (after byte ${bytes})`, {
      hint: 'Say what it is: --encoding latin1, for example.',
      cause: error,
    });
  }
}

async function peek(
  texts: AsyncGenerator<string>,
): Promise<{ first: string; all: AsyncIterable<string> }> {
  const { value: first = '' } = (await texts.next()) as IteratorResult<string, undefined>;
  return {
    first,
    all: (async function* () {
      if (first !== '') yield first;
      yield* texts;
    })(),
  };
}

function formatOfName(path: string | undefined): LoadFormat | undefined {
  const name = path?.replace(/\.gz$/i, '').toLowerCase() ?? '';
  if (/\.(csv|tsv)$/.test(name)) return 'csv';
  if (/\.(ndjson|jsonl)$/.test(name)) return 'ndjson';
  return undefined;
}

function formatOfText(text: string): LoadFormat {
  const start = text.trimStart().charAt(0);
  if (start === '[') return 'json';
  return start === '{' ? 'ndjson' : 'csv';
}
