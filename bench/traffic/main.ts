import { writeFile } from 'node:fs/promises';
import type { Drive } from './drive.ts';
import { drive } from './drive.ts';
import type { HistoryReader } from './history-reader.ts';
import { openHistoryReader } from './history-reader.ts';
import type { TrafficAnswer, TrafficRequest } from './messages.ts';

/** The traffic: a process of its own, so that its work delays nobody's. */
let running: { readonly drive: Drive; readonly reader: HistoryReader } | undefined;

process.on('message', (message: TrafficRequest) => {
  handle(message).then(answer, (error: Error) => {
    answer({ type: 'failure', message: error.stack ?? error.message });
    process.exit(1);
  });
});
process.on('disconnect', () => process.exit(0));

async function handle(message: TrafficRequest): Promise<TrafficAnswer> {
  if (message.type === 'start') {
    const { options } = message;
    const reader = await openHistoryReader(options.databaseUrl, options.history);
    const onFailure = (text: string): void => answer({ type: 'failure', message: text });
    running = { drive: await drive(options, reader, onFailure), reader };
    return { type: 'started' };
  }
  const log = (await running?.drive.stop()) ?? { samples: [], writes: [] };
  await running?.reader.close();
  await writeFile(message.file, JSON.stringify(log));
  return { type: 'stopped' };
}

function answer(message: TrafficAnswer): void {
  process.send?.(message);
}
