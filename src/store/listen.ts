import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { quoteIdentifier } from '../schema/identifier.ts';

export interface ListenOptions {
  readonly connectionString: string;
  readonly channels: readonly string[];
  readonly onNotification: (channel: string, payload: string) => void;
  /** Called after each (re)connection: whatever was notified meanwhile is lost, so look again. */
  readonly onConnected: () => void;
  readonly onDisconnected: (cause: unknown) => void;
  readonly signal: AbortSignal;
}

const reconnectDelaysMs = [50, 200, 500, 1_000, 2_000];
/** A connection that is silently cut looks idle; a query this often tells. */
const heartbeatMs = 5_000;

/**
 * LISTEN on a connection of its own, for as long as the signal allows: reconnects with backoff and
 * says so. Resolves when aborted. Notifications only wake; whoever is woken reads the state.
 */
export async function listen(options: ListenOptions): Promise<void> {
  for (let attempt = 0; !options.signal.aborted; attempt++) {
    try {
      await listenOnce(options, () => {
        attempt = 0;
      });
    } catch (error) {
      if (options.signal.aborted) return;
      options.onDisconnected(error);
    }
    if (options.signal.aborted) return;
    const delayMs = reconnectDelaysMs[Math.min(attempt, reconnectDelaysMs.length - 1)];
    await sleep(delayMs, undefined, { signal: options.signal }).catch(() => {});
  }
}

/** One connection's life: rejects when it is lost, resolves when aborted. */
async function listenOnce(options: ListenOptions, connected: () => void): Promise<void> {
  const client = new pg.Client({
    connectionString: options.connectionString,
    application_name: 'velocity listen',
    keepAlive: true,
    query_timeout: heartbeatMs,
  });
  const lost = Promise.withResolvers<void>();
  client.on('error', lost.reject);
  client.on('end', () => lost.reject(new Error('the connection ended')));
  client.on('notification', (message) =>
    options.onNotification(message.channel, message.payload ?? ''),
  );
  const abort = (): void => lost.resolve();
  options.signal.addEventListener('abort', abort, { once: true });
  let heartbeat: NodeJS.Timeout | undefined;
  try {
    await client.connect();
    for (const channel of options.channels)
      await client.query(`listen ${quoteIdentifier(channel)}`);
    connected();
    options.onConnected();
    heartbeat = setInterval(() => {
      client.query('select 1').catch(lost.reject);
    }, heartbeatMs);
    await lost.promise;
  } finally {
    clearInterval(heartbeat);
    options.signal.removeEventListener('abort', abort);
    lost.promise.catch(() => {});
    await client.end().catch(() => {});
  }
}

/** Waits for one channel's notifications until the signal; `wake` is called also where one may be missed. */
export type ListenTo = (channel: string, wake: () => void, signal: AbortSignal) => Promise<void>;

export function createListenTo(
  connectionString: string,
  onDisconnected: (cause: unknown) => void = () => undefined,
): ListenTo {
  return (channel, wake, signal) =>
    listen({
      connectionString,
      channels: [channel],
      onNotification: wake,
      onConnected: wake,
      onDisconnected,
      signal,
    });
}
