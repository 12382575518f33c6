import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join, relative } from 'node:path';
import type { ReadManifest } from './manifest-reader.ts';
import { manifestBytesMax, readManifests } from './manifest-reader.ts';

/** More files are no folder of manifests but a mistake, a home directory for example. */
export const filesMax = 2_000;

/** Directories looked into, for the same reason. */
const directoriesMax = 1_000;

const extensions = ['.yaml', '.yml', '.json'];

export function isManifestFile(path: string): boolean {
  return extensions.includes(extname(path).toLowerCase());
}

/** Hidden files belong to tools, and node_modules to npm. */
export function isIgnored(name: string): boolean {
  return name.startsWith('.') || name === 'node_modules';
}

/** One thing to tell about a file; `file` is relative to the folder. */
export interface FileProblem {
  readonly file: string;
  readonly line: number;
  readonly message: string;
  readonly hint?: string;
}

export interface ReadFolderFile {
  readonly file: string;
  readonly manifests: readonly ReadManifest[];
  readonly problems: readonly FileProblem[];
  /** Documents that are no resources at all. */
  readonly skipped: boolean;
}

/** The manifest files below a folder, in the order of their names. Throws when there are too many. */
export async function findManifestFiles(dir: string): Promise<string[]> {
  const files: string[] = [];
  const open = [dir];
  for (let visited = 0; open.length > 0; visited++) {
    if (visited >= directoriesMax)
      throw new Error(`${dir} has more than ${directoriesMax} folders`);
    const current = open.pop()!;
    for (const entry of await readdir(current, { withFileTypes: true })) {
      if (isIgnored(entry.name)) continue;
      const path = join(current, entry.name);
      if (entry.isDirectory()) open.push(path);
      else if (isManifestFile(path) && (await isRegularFile(entry, path))) files.push(path);
    }
    if (files.length > filesMax) throw new Error(`${dir} has more than ${filesMax} manifest files`);
  }
  return files.map((path) => relative(dir, path)).sort();
}

/** Links to files count, as mounted ConfigMaps are; links to folders could lead in circles. */
async function isRegularFile(entry: Dirent, path: string): Promise<boolean> {
  if (entry.isFile()) return true;
  if (!entry.isSymbolicLink()) return false;
  const target = await stat(path).catch(() => undefined);
  return target?.isFile() === true;
}

/** Undefined when the file is gone; an unreadable one is a problem of its own. */
export async function readFolderFile(
  dir: string,
  file: string,
): Promise<ReadFolderFile | undefined> {
  let text: string;
  try {
    const { size } = await stat(join(dir, file));
    if (size > manifestBytesMax) return broken(file, `is larger than ${manifestBytesMax} bytes`);
    text = await readFile(join(dir, file), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? undefined : broken(file, `cannot be read: ${code}`);
  }
  const { manifests, syntaxErrors } = readManifests(text, file);
  if (isForeign(file, manifests)) return { file, manifests: [], problems: [], skipped: true };
  const problems = syntaxErrors.map(({ line, message }) => ({ file, line, message }));
  return { file, manifests, problems, skipped: false };
}

function broken(file: string, reason: string): ReadFolderFile {
  const problems = [{ file, line: 1, message: `The file ${reason}.` }];
  return { file, manifests: [], problems, skipped: false };
}

/** JSON is also what data and settings are kept in: a file of it without any `kind` is not meant. */
function isForeign(file: string, manifests: readonly ReadManifest[]): boolean {
  if (extname(file).toLowerCase() !== '.json') return false;
  return !manifests.some(({ manifest }) => {
    const members = typeof manifest === 'object' && manifest !== null ? manifest : {};
    return 'kind' in members || 'apiVersion' in members;
  });
}
