import { Redis } from 'ioredis';
import type { Observe } from '../observe.ts';

/**
 * A Redis that says nothing for this long is taken for gone: what waits for it fails, and so does
 * everything after it, at once, until it answers again. Shorter, and a process that was busy with a
 * bulk for a moment would take its own silence for that of Redis.
 */
const silenceMaxMs = 1_000;
const reconnectDelayMaxMs = 1_000;
const reconnectStepMs = 50;

/**
 * One connection for everything. Commands of one turn of the event loop leave together. None is ever
 * queued for a connection that is not there, or sent again on the next one: whoever asks is told at
 * once. It reconnects for as long as it is open.
 */
export function openRedis(url: string, observe: Observe): Redis {
  const client = new Redis(url, {
    connectionName: 'velocity',
    enableAutoPipelining: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: silenceMaxMs,
    commandTimeout: silenceMaxMs,
    socketTimeout: silenceMaxMs,
    retryStrategy: (attempt) => Math.min(attempt * reconnectStepMs, reconnectDelayMaxMs),
  });
  let isLost: boolean | undefined;
  let cause: unknown;
  client.on('error', (error) => {
    cause = error;
  });
  client.on('ready', () => {
    isLost = false;
    observe({ type: 'redis.connected' });
  });
  // Said once for each time that it is lost, not for each try to reach it again.
  client.on('close', () => {
    if (isLost !== true) observe({ type: 'redis.lost', cause });
    isLost = true;
  });
  return client;
}
