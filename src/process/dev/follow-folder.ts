import { resolve } from 'node:path';
import { readOutboundAllow } from '../../config.ts';
import type { AppliedManifest, FolderReport } from '../../resources/folder.ts';
import { watchFolder } from '../../resources/folder-watch.ts';
import { openPostgresStore } from '../../resources/postgres/postgres-store.ts';
import { openPool } from '../../store/pool.ts';
import { awaitReady } from './await-ready.ts';
import type { DevConsole } from './console.ts';
import type { DevContext } from './dev-context.ts';

/** One for the applies, one for looking at what became of them. */
const poolSize = 2;
const source = 'folder';

/**
 * Applies the folder and every change in it through the resource store, as velocity_operator.
 * Resolves after the first apply, bad files included: their problems are printed, and the next
 * edit is another chance. `ended` settles early only when watching itself fails.
 */
export async function followFolder(
  context: DevContext,
  operatorUrl: string,
): Promise<AsyncDisposable & { readonly ended: Promise<void> }> {
  const { console, options, signal } = context;
  if (options.dir === undefined) {
    return { ended: new Promise(() => undefined), [Symbol.asyncDispose]: async () => undefined };
  }
  const pool = openPool({
    connectionString: operatorUrl,
    size: poolSize,
    application: 'velocity dev',
  });
  const store = openPostgresStore({
    ...{ pool, connectionString: operatorUrl, outboundAllow: readOutboundAllow() },
  });
  const closing = new AbortController();
  const stopped = AbortSignal.any([signal, closing.signal]);
  const first = Promise.withResolvers<void>();
  let lastError: string | undefined;
  const latest = new Map<string, AppliedManifest>();
  const watched = watchFolder({
    dir: resolve(options.dir),
    store,
    signal: stopped,
    onReport: (report) => {
      lastError = undefined;
      printReport(console, report);
      first.resolve();
      void awaitReady({
        store,
        console,
        signal: stopped,
        manifests: changedSchemas(report),
        latest,
      });
    },
    onError: (error) => {
      const message = error instanceof Error ? error.message : String(error);
      // It is tried again every second; once is enough to read.
      if (message !== lastError) console.log(source, message);
      lastError = message;
      first.resolve();
    },
  });
  await Promise.race([first.promise, watched]);
  return {
    ended: watched,
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await watched.catch(() => undefined);
      await pool.close();
    },
  };
}

function changedSchemas({ applied }: FolderReport): AppliedManifest[] {
  return applied.filter(
    ({ key, outcome }) => key.kind === 'SchemaDefinition' && outcome !== 'unchanged',
  );
}

function printReport(console: DevConsole, report: FolderReport): void {
  const counts = new Map<string, number>();
  for (const { outcome } of report.applied) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  if (counts.size > 0) {
    console.log(source, [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', '));
  }
  for (const { file, line, message, hint } of report.problems) {
    const advice = hint === undefined ? '' : ` (${hint})`;
    console.log(source, `${file}:${line}: ${message}${advice}; not applied`);
  }
  for (const warning of groupWarnings(report.warnings)) console.log(source, warning);
}

/** Twenty files that say the same are one line; a warning begins with its file and a colon. */
function groupWarnings(warnings: readonly string[]): string[] {
  const filesByText = new Map<string, string[]>();
  for (const warning of warnings) {
    const [, file = '', text = warning] = /^([^\s:]+): (.*)$/s.exec(warning) ?? [];
    const files = filesByText.get(text) ?? [];
    filesByText.set(text, [...files, file]);
  }
  return [...filesByText].map(([text, [first = '', ...others]]) => {
    const more = others.length === 0 ? '' : ` and ${others.length} more`;
    return first === '' ? text : `${first}${more}: ${text}`;
  });
}
