import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../load/connection.ts';
import { openConnection } from '../load/connection.ts';
import type { HistoryReader } from './history-reader.ts';
import { Ledger } from './ledger.ts';
import type { Sample, TrafficLog, TrafficOptions } from './messages.ts';
import { kinds } from './messages.ts';
import type { Prepared } from './operations.ts';
import { pickKind, prepare } from './operations.ts';
import { randomStream } from './random.ts';

/** Requests that wait for a connection: beyond it the service does not keep up at all. */
const waitingMax = 20_000;
const tickMs = 1;
const drainWithinMs = 60_000;

export interface Drive {
  /** No more becomes due; resolves when all is answered. */
  stop(): Promise<TrafficLog>;
}

/**
 * Requests become due at a fixed rate, and their time counts from then: one that waits because the
 * service stalls counts as waiting, as it does for whoever asked.
 */
export async function drive(
  options: TrafficOptions,
  reader: HistoryReader,
  onFailure: (message: string) => void,
): Promise<Drive> {
  const random = randomStream(options.random);
  const ledger = new Ledger({ random, seeds: options.seeds });
  const samples: Sample[] = [];
  const waiting: number[] = [];
  const idle: Connection[] = [];
  let underWay = 0;
  let ending = false;

  const connect = async (): Promise<Connection> => {
    const connection = await openConnection(options.target.port, (cause) => {
      const prepared = running.get(connection);
      running.delete(connection);
      const at = idle.indexOf(connection);
      // One that nobody used for a while is closed by the service, and nothing is lost with it.
      if (at >= 0) idle.splice(at, 1);
      if (prepared !== undefined) {
        underWay--;
        prepared.lost();
        onFailure(`${prepared.kind} was not answered: ${cause.message}`);
      }
      if (!ending)
        void connect().then(
          (next) => idle.push(next),
          () => {},
        );
    });
    return connection;
  };
  const running = new Map<Connection, Prepared>();
  for (let n = 0; n < options.connections; n++) idle.push(await connect());

  const finish = (dueAt: number, kind: Prepared['kind'], problem: string | undefined): void => {
    samples.push([epoch(dueAt), performance.now() - dueAt, kinds.indexOf(kind)]);
    if (problem !== undefined) onFailure(`${kind} was ${problem}`);
  };

  const dispatch = (dueAt: number, connection: Connection): void => {
    const kind = pickKind(random);
    if (kind === 'history') {
      const record = ledger.take();
      idle.push(connection);
      if (record === undefined) return;
      underWay++;
      void reader.read(record).then((problem) => {
        underWay--;
        ledger.giveBack(record);
        finish(dueAt, kind, problem);
      });
      return;
    }
    const prepared = prepare(kind, { options, ledger, random });
    underWay++;
    running.set(connection, prepared);
    connection.send(prepared.text, (answer) => {
      underWay--;
      running.delete(connection);
      finish(dueAt, prepared.kind, prepared.judge(answer));
      idle.push(connection);
      pump();
    });
  };

  const pump = (): void => {
    while (waiting.length > 0 && idle.length > 0) {
      dispatch(waiting.shift() as number, idle.pop() as Connection);
    }
  };

  const everyMs = 1_000 / options.ratePerS;
  let nextAt = performance.now();
  const timer = setInterval(() => {
    for (const now = performance.now(); nextAt <= now && !ending; nextAt += everyMs) {
      if (waiting.length < waitingMax) waiting.push(nextAt);
      else onFailure(`${waitingMax} requests wait: the service does not keep up`);
    }
    pump();
  }, tickMs);

  return {
    stop: async () => {
      ending = true;
      const until = performance.now() + drainWithinMs;
      while (underWay + waiting.length > 0 && performance.now() < until) await sleep(10);
      clearInterval(timer);
      for (const connection of [...idle, ...running.keys()]) connection.close();
      return { samples, writes: ledger.writes };
    },
  };
}

function epoch(at: number): number {
  return performance.timeOrigin + at;
}
