import { relative, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { watch } from 'chokidar';
import { kinds } from '../contract/kinds.ts';
import type { FolderOptions, FolderReport } from './folder.ts';
import { applyFiles } from './folder.ts';
import { findManifestFiles, isIgnored, isManifestFile } from './folder-files.ts';
import type { ResourceKey } from './store.ts';

/** An editor's several writes of one file, or a git checkout, become one apply. */
const settleMs = 100;

/** After an apply that failed for another reason than the manifests: the database is away. */
const retryMs = 1_000;

export interface WatchFolderOptions extends FolderOptions {
  /** After each apply, the first one of the whole folder included. */
  readonly onReport: (report: FolderReport) => void;
  /** The folder or the store cannot be reached; it is tried again. */
  readonly onError: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/**
 * Applies a folder and then every change in it, until aborted. Files that were refused are tried
 * again with each change, as what they lack may have come. A removed file removes no resource.
 */
export async function watchFolder(options: WatchFolderOptions): Promise<void> {
  const { dir, signal } = options;
  const changed = new Set<string>();
  let events = 0;
  let wakeUp = Promise.withResolvers<void>();
  const watcher = watch(dir, {
    ignoreInitial: true,
    ignored: (path) => relative(dir, path).split(sep).some(isIgnoredPart),
  });
  const stop = () => wakeUp.resolve();
  signal.addEventListener('abort', stop, { once: true });
  watcher.on('error', options.onError);
  watcher.on('all', (_event, path) => {
    if (!isManifestFile(path)) return;
    changed.add(relative(dir, path));
    events += 1;
    wakeUp.resolve();
  });

  const applied = new AppliedFolder(options);
  try {
    // Watching comes first: a file that is written during the first apply is a change.
    await Promise.race([new Promise<void>((ready) => watcher.on('ready', ready)), aborted(signal)]);
    let pending: ReadonlySet<string> | undefined;
    while (!signal.aborted) {
      try {
        await applied.apply(pending ?? (await findManifestFiles(dir)));
        pending = new Set();
      } catch (error) {
        options.onError(error);
        await pause(retryMs, signal);
        continue;
      }
      await wakeUp.promise;
      await settle(() => events, signal);
      wakeUp = Promise.withResolvers();
      pending = new Set(changed);
      changed.clear();
    }
  } finally {
    signal.removeEventListener('abort', stop);
    await watcher.close();
  }
}

/** `..` comes first for whatever lies outside, which is not ours to watch; '' is the folder. */
function isIgnoredPart(part: string): boolean {
  return part !== '' && isIgnored(part);
}

/** Waits until no further change has come for a moment, and not longer than ten such moments. */
async function settle(events: () => number, signal: AbortSignal): Promise<void> {
  for (let moments = 0, known = -1; moments < 10 && known !== events(); moments++) {
    known = events();
    await pause(settleMs, signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

/** Remembers which file brought which resources and which files were refused. */
class AppliedFolder {
  readonly #options: WatchFolderOptions;
  readonly #keysByFile = new Map<string, readonly ResourceKey[]>();
  #refused = new Set<string>();

  constructor(options: WatchFolderOptions) {
    this.#options = options;
  }

  async apply(changed: Iterable<string>): Promise<void> {
    const files = [...new Set([...this.#refused, ...changed])].sort();
    if (files.length === 0) return;
    const report = await applyFiles(this.#options, files);
    this.#refused = new Set(report.problems.map(({ file }) => file));
    const removed = this.#remember(files, report);
    this.#options.onReport({ ...report, warnings: [...report.warnings, ...removed] });
  }

  /** Warnings about resources that their files no longer hold. */
  #remember(files: readonly string[], report: FolderReport): string[] {
    const before = new Map<string, { key: ResourceKey; file: string }>();
    for (const file of files) {
      // A file with a mistake in it has not given up its resources.
      if (this.#refused.has(file)) continue;
      for (const key of this.#keysByFile.get(file) ?? []) before.set(keyText(key), { key, file });
      const keys = report.applied.filter((one) => one.file === file).map(({ key }) => key);
      this.#keysByFile.set(file, keys);
    }
    for (const keys of this.#keysByFile.values()) {
      for (const key of keys) before.delete(keyText(key));
    }
    return [...before.values()].map(({ key, file }) => removalWarning(key, file));
  }
}

function removalWarning({ kind, namespace, name }: ResourceKey, file: string): string {
  const plural = kinds.find((known) => known.kind === kind)!.plural;
  return (
    `${file} no longer holds ${kind} "${name}" in namespace "${namespace}", which is kept. ` +
    `To delete it: velocity delete ${plural} ${name} -n ${namespace}`
  );
}

function keyText({ kind, namespace, name }: ResourceKey): string {
  return `${kind}/${namespace}/${name}`;
}
