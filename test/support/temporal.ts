import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import { findFreePort } from '../../src/process/dev/ports.ts';
import { startTemporalServer } from '../../src/process/dev/temporal-server.ts';
import { askServers } from './ask-servers.ts';
import { makeServerFolder, recordServer } from './server-folder.ts';

export interface TestTemporal {
  /** `host:port`; the namespace is `default`. */
  readonly address: string;
  readonly stop: () => Promise<void>;
}

/**
 * A Temporal dev server of the caller's own, up in about half a second. It keeps what it knows in
 * memory, or in a file of the caller's that outlives it.
 */
export async function startTemporal(
  options: { readonly port?: number; readonly databaseFile?: string } = {},
): Promise<TestTemporal> {
  const folder = await makeServerFolder();
  try {
    const server = await startTemporalServer({
      port: options.port ?? (await findFreePort()),
      logFile: join(folder, 'temporal.log'),
      ...(options.databaseFile !== undefined && { databaseFile: options.databaseFile }),
      onSpawn: (identity) => recordServer(folder, identity),
    });
    return {
      address: server.address,
      stop: async () => {
        await server.stop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The address of the Temporal server that all test files of this run share. */
export async function sharedTemporal(): Promise<string> {
  const { address } = await askServers<{ address: string }>(inject('serversUrl'), '/temporal');
  return address;
}
