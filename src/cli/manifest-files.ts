import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join, relative, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import type { ReadManifest } from '../resources/manifest-reader.ts';
import { readManifests } from '../resources/manifest-reader.ts';
import type { Cli } from './cli.ts';
import { exitCodes } from './exit-codes.ts';
import { CommandFailure, usageFailure } from './failures.ts';

const manifestExtensions = new Set(['.yaml', '.yml', '.json']);

/** A folder with more is not a folder of manifests: somebody typed `-f /`. */
const filesMax = 2_000;
const foldersDeepMax = 8;

/** Every manifest of files, folders (with theirs below) and `-` for standard input, in a stable order. */
export async function readManifestFiles(
  cli: Cli,
  paths: readonly string[],
): Promise<ReadManifest[]> {
  const manifests: ReadManifest[] = [];
  const complaints: string[] = [];
  for (const file of await findManifestFiles(cli, paths)) {
    const content =
      file === '-'
        ? await text(cli.stdin)
        : await readFile(resolve(cli.workingDirectory, file), 'utf8');
    const read = readManifests(content, file === '-' ? '(standard input)' : file);
    manifests.push(...read.manifests);
    for (const { file: name, line, column, message } of read.syntaxErrors) {
      complaints.push(`${name}:${line}:${column}: ${message}`);
    }
  }
  if (complaints.length > 0)
    throw new CommandFailure(`not valid YAML\n  ${complaints.join('\n  ')}`);
  if (manifests.length === 0) {
    throw usageFailure(
      `there is no manifest in ${paths.join(', ')}`,
      'Manifests end in .yaml, .yml or .json.',
    );
  }
  return manifests;
}

export async function findManifestFiles(cli: Cli, paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    if (path === '-') {
      found.push(path);
      continue;
    }
    const full = resolve(cli.workingDirectory, path);
    const stats = await stat(full).catch((error: unknown) => {
      throw new CommandFailure(`${path} cannot be read: ${(error as Error).message}`, {
        exitCode: exitCodes.usage,
      });
    });
    if (stats.isDirectory()) await collect(cli, full, found, 0);
    else found.push(path);
  }
  if (found.length > filesMax)
    throw usageFailure(`more than ${filesMax} manifests: name a smaller folder`);
  return found;
}

async function collect(cli: Cli, folder: string, found: string[], depth: number): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory() && depth < foldersDeepMax && found.length <= filesMax) {
      await collect(cli, path, found, depth + 1);
    } else if (entry.isFile() && manifestExtensions.has(extname(entry.name))) {
      found.push(relative(cli.workingDirectory, path));
    }
  }
}
