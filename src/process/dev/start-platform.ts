import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readYielding } from '../../config.ts';
import type { DevContext } from './dev-context.ts';
import type { DevDatabase } from './start-database.ts';
import { startDatabase } from './start-database.ts';
import { startProcesses } from './start-processes.ts';
import { startTemporalServer } from './temporal-server.ts';

const searchAttributesFile = new URL('../../../temporal/search-attributes.json', import.meta.url);

export interface Platform {
  readonly apiUrl: string;
  readonly database: DevDatabase;
  readonly temporalAddress: string;
  /** Undefined when the Temporal server is the caller's own. */
  readonly temporalUiUrl: string | undefined;
}

/** Starts everything in order; what the order does not force runs side by side. */
export async function startPlatform(context: DevContext): Promise<Platform> {
  // Both are waited for, whatever happens, so that a failure leaves no start under way behind it.
  const [database, temporal] = await Promise.allSettled([
    startDatabase(context),
    startTemporal(context),
  ]);
  if (database.status === 'rejected') throw database.reason;
  if (temporal.status === 'rejected') throw temporal.reason;
  context.signal.throwIfAborted();
  const apiUrl = `http://127.0.0.1:${context.ports.api}`;
  await startProcesses(context, { database: database.value, apiUrl, ...temporal.value });
  return { apiUrl, database: database.value, ...temporal.value };
}

async function startTemporal(
  context: DevContext,
): Promise<Pick<Platform, 'temporalAddress' | 'temporalUiUrl'>> {
  const { options, folder, ports, console, supervisor } = context;
  if (options.temporalAddress !== undefined) {
    return { temporalAddress: options.temporalAddress, temporalUiUrl: undefined };
  }
  // Known from the first moment: those added to a running server take effect only after a while.
  const searchAttributes = JSON.parse(await readFile(searchAttributesFile, 'utf8')) as Record<
    string,
    string
  >;
  await console.step('Temporal', () =>
    supervisor.start('temporal', (onSpawn) =>
      startTemporalServer({
        onSpawn,
        port: ports.temporal,
        uiPort: ports.temporalUi,
        databaseFile: folder.temporal,
        searchAttributes,
        logFile: join(folder.logs, 'temporal.log'),
        yielding: readYielding(),
      }),
    ),
  );
  return {
    temporalAddress: `127.0.0.1:${ports.temporal}`,
    temporalUiUrl: `http://127.0.0.1:${ports.temporalUi}`,
  };
}
