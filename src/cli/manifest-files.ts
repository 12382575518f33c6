import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join, relative, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import type { ReadManifest } from '../resources/manifest-reader.ts';
import { manifestBytesMax, readManifests } from '../resources/manifest-reader.ts';
import type { Cli } from './cli.ts';
import { CommandFailure, usageFailure } from './failures.ts';

const manifestExtensions = new Set(['.yaml', '.yml', '.json']);

/** A folder with more is not a folder of manifests: somebody typed `-f /`. */
const filesMax = 2_000;
const foldersDeepMax = 8;

interface ManifestFile {
  readonly path: string;
  /** Found in a folder: it may turn out to be data or settings. */
  readonly found: boolean;
}

/** Every manifest of files, folders (with theirs below) and `-` for standard input, in a stable order. */
export async function readManifestFiles(
  cli: Cli,
  paths: readonly string[],
): Promise<ReadManifest[]> {
  const manifests: ReadManifest[] = [];
  const complaints: string[] = [];
  for (const { path, found } of await listFiles(cli, paths)) {
    const name = path === '-' ? '(standard input)' : path;
    const read = readManifests(path === '-' ? await text(cli.stdin) : await load(cli, path), name);
    if (found && isForeign(path, read.manifests)) continue;
    manifests.push(...read.manifests);
    for (const { file, line, column, message } of read.syntaxErrors) {
      complaints.push(`${file}:${line}:${column}: ${message}`);
    }
  }
  if (complaints.length > 0) {
    throw new CommandFailure(`not valid YAML\n  ${complaints.join('\n  ')}`);
  }
  if (manifests.length > 0) return manifests;
  throw usageFailure(
    `there is no manifest in ${paths.join(', ')}`,
    'Manifests end in .yaml, .yml or .json.',
  );
}

async function load(cli: Cli, path: string): Promise<string> {
  const full = resolve(cli.workingDirectory, path);
  const { size } = await statOf(full, path);
  if (size > manifestBytesMax) {
    throw usageFailure(`${path} is larger than ${manifestBytesMax} bytes: split it`);
  }
  return readFile(full, 'utf8');
}

async function listFiles(cli: Cli, paths: readonly string[]): Promise<ManifestFile[]> {
  const files: ManifestFile[] = [];
  for (const path of paths) {
    const full = resolve(cli.workingDirectory, path);
    if (path === '-' || !(await statOf(full, path)).isDirectory()) {
      files.push({ path, found: false });
      continue;
    }
    const below: string[] = [];
    await collect(full, below, 0);
    for (const file of below) {
      files.push({ path: relative(cli.workingDirectory, file), found: true });
    }
  }
  return files;
}

async function statOf(full: string, path: string) {
  return stat(full).catch((error: unknown) => {
    throw usageFailure(`${path} cannot be read: ${(error as Error).message}`);
  });
}

async function collect(folder: string, files: string[], depth: number): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  for (const entry of entries) {
    // Hidden files belong to tools, and node_modules to npm.
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory() && depth < foldersDeepMax) await collect(path, files, depth + 1);
    else if (await isManifestFile(entry, path)) files.push(path);
    if (files.length > filesMax) {
      throw usageFailure(`more than ${filesMax} manifests: name a smaller folder`);
    }
  }
}

/** Links to files count, as mounted ConfigMaps are; links to folders could lead in circles. */
async function isManifestFile(entry: Dirent, path: string): Promise<boolean> {
  if (!manifestExtensions.has(extname(entry.name).toLowerCase())) return false;
  if (!entry.isSymbolicLink()) return entry.isFile();
  const target = await stat(path).catch(() => undefined);
  return target?.isFile() === true;
}

/** JSON is also what data and settings are kept in: a file of it without any `kind` is not meant. */
function isForeign(path: string, manifests: readonly ReadManifest[]): boolean {
  if (extname(path).toLowerCase() !== '.json') return false;
  return !manifests.some(({ manifest }) => {
    const members = typeof manifest === 'object' && manifest !== null ? manifest : {};
    return 'kind' in members || 'apiVersion' in members;
  });
}
