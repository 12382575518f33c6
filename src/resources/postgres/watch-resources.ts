import { setTimeout as sleep } from 'node:timers/promises';
import type { Kind } from '../../contract/kinds.ts';
import { kinds } from '../../contract/kinds.ts';
import { channels } from '../../contract/names.ts';
import { listen } from '../../store/listen.ts';
import type { Transaction } from '../../store/pool.ts';
import type { ResourceKey, WatchHandlers } from '../store.ts';
import { keyPageSize, listResourceKeys } from './sql/list-resource-keys.ts';

/** After a list that failed; the connection for LISTEN has a backoff of its own. */
const retryMs = 1_000;

/** Pages of one list: 50 million keys, which only a loop that does not end would reach. */
const pagesMax = 10_000;

export interface WatchOptions {
  readonly pool: Transaction;
  readonly connectionString: string;
  readonly resyncMs: number;
  readonly handlers: WatchHandlers;
  readonly signal: AbortSignal;
}

/**
 * LISTEN first, then a list, so that nothing falls between the two; a list again after each
 * reconnection and each resync period. A key may come more often than its resource changed, never
 * less often. Resolves when aborted.
 */
export async function watchResources(options: WatchOptions): Promise<void> {
  const { handlers, signal } = options;
  const wakeUp = new WakeUp();
  let connection = 0;
  let connected = false;

  const listening = listen({
    connectionString: options.connectionString,
    channels: [channels.resources],
    onNotification: (_channel, payload) => {
      const key = parseKey(payload);
      if (key !== undefined) handlers.onKey(key);
    },
    onConnected: () => {
      connection += 1;
      connected = true;
      wakeUp.wake();
    },
    onDisconnected: (cause) => {
      connected = false;
      handlers.onDisconnect?.(cause);
    },
    signal,
  });
  const resync = setInterval(() => wakeUp.wake(), options.resyncMs);
  const stop = () => wakeUp.wake();
  signal.addEventListener('abort', stop, { once: true });

  try {
    while (!signal.aborted) {
      await wakeUp.next();
      if (signal.aborted || !connected) continue;
      const listed = connection;
      try {
        await handAllKeys(options);
      } catch (cause) {
        handlers.onDisconnect?.(cause);
        await sleep(retryMs, undefined, { signal }).catch(() => {});
        wakeUp.wake();
        continue;
      }
      // A connection lost meanwhile may have cost notifications; its successor lists again.
      if (connected && connection === listed && !signal.aborted) handlers.onSync?.();
    }
  } finally {
    clearInterval(resync);
    signal.removeEventListener('abort', stop);
    await listening;
  }
}

async function handAllKeys({ pool, handlers, signal }: WatchOptions): Promise<void> {
  let after: ResourceKey | undefined;
  for (let page = 0; page < pagesMax && !signal.aborted; page++) {
    const keys = await listResourceKeys(pool, after);
    for (const key of keys) handlers.onKey(key);
    if (keys.length < keyPageSize) return;
    after = keys.at(-1);
  }
}

const kindNames: ReadonlySet<string> = new Set(kinds.map(({ kind }) => kind));

/** `kind/namespace/name`; undefined for a kind that a newer release brought. */
function parseKey(payload: string): ResourceKey | undefined {
  const [kind = '', namespace, name, ...rest] = payload.split('/');
  if (!kindNames.has(kind) || namespace === undefined || name === undefined) return undefined;
  return rest.length === 0 ? { kind: kind as Kind, namespace, name } : undefined;
}

/** A wake-up that comes while nobody waits is kept, once. */
class WakeUp {
  #pending = Promise.withResolvers<void>();

  wake(): void {
    this.#pending.resolve();
  }

  async next(): Promise<void> {
    await this.#pending.promise;
    this.#pending = Promise.withResolvers<void>();
  }
}
