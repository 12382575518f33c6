import { openConnection } from './connection.ts';
import type { LoaderAnswer, LoaderRequest, LoadResult } from './messages.ts';
import type { LoadState, RequestSource } from './requests.ts';
import { createState, requestsOf } from './requests.ts';

/** The loader: a process of its own, so that its work is no service's. */
let state: LoadState = createState([]);

type Run = Extract<LoaderRequest, { type: 'run' }>;

process.on('message', (message: LoaderRequest) => {
  if (message.type === 'records') {
    state = { ...createState(message.ids), orders: state.orders };
    answer({ type: 'ready' });
    return;
  }
  run(message).then(
    (result) => answer({ type: 'result', result }),
    (error: Error) => answer({ type: 'failed', message: error.message }),
  );
});
process.on('disconnect', () => process.exit(0));

function answer(message: LoaderAnswer): void {
  process.send?.(message);
}

/** Every connection sends its next request as soon as the last one is answered. */
async function run(message: Run): Promise<LoadResult> {
  const {
    operation,
    target,
    connections,
    seconds,
    requestsMax = Number.MAX_SAFE_INTEGER,
  } = message;
  const latencies: number[] = [];
  let sent = 0;
  let ending = false;
  const failed = Promise.withResolvers<never>();
  const open = await Promise.all(
    Array.from({ length: connections }, () => openConnection(target.port, failed.reject)),
  );

  const drive = (connection: (typeof open)[number], source: RequestSource): Promise<void> =>
    new Promise((resolve) => {
      const step = (): void => {
        if (ending || sent >= requestsMax) {
          resolve();
          return;
        }
        sent++;
        const request = source.next();
        const sentAt = performance.now();
        connection.send(request.text, (reply) => {
          latencies.push(performance.now() - sentAt);
          if (reply.status !== request.status) {
            failed.reject(new Error(`${operation} was answered:\n${reply.text().slice(0, 2_000)}`));
            return;
          }
          request.done?.();
          step();
        });
      };
      step();
    });

  const startedAt = performance.now();
  const startedCpu = process.cpuUsage();
  const timer = setTimeout(() => {
    ending = true;
  }, seconds * 1_000);
  try {
    const all = open.map((connection, index) =>
      drive(
        connection,
        requestsOf(operation, { state, target }, { connection: index, connections }),
      ),
    );
    await Promise.race([Promise.all(all), failed.promise]);
  } finally {
    clearTimeout(timer);
    for (const connection of open) connection.close();
  }
  const took = (performance.now() - startedAt) / 1_000;
  const cpu = process.cpuUsage(startedCpu);
  latencies.sort((a, b) => a - b);
  return {
    requests: latencies.length,
    seconds: took,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    loaderCpu: (cpu.user + cpu.system) / 1e6 / took,
  };
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
