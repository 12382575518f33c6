import { createRequire } from 'node:module';
import type { WorkflowHandle } from '@temporalio/client';
import type { ReplayResult } from '@temporalio/worker';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';

/** What Temporal recorded of one run, as its own JSON. */
export interface RecordedHistory {
  /** File name without its ending: the workflow's type, a full stop, what the run was about. */
  readonly name: string;
  readonly workflowId: string;
  readonly json: string;
}

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;

/**
 * The SDK's own `historyToJSON` fails where @temporalio/common and @temporalio/proto each have a
 * protobufjs of their own: this takes the one that knows the types.
 */
const { historyType, toJson, fromJson } = (() => {
  const require = createRequire(import.meta.url);
  const { patchProtobufRoot } = require('@temporalio/proto/lib/patch-protobuf-root');
  const root = patchProtobufRoot(require('@temporalio/proto'));
  const beside = createRequire(require.resolve('@temporalio/proto'));
  const json = beside('protobufjs/ext/protojson') as {
    toJson(type: unknown, message: unknown): JsonHistory;
    fromJson(type: unknown, json: unknown): History;
  };
  return { ...json, historyType: root.lookupType('temporal.api.history.v1.History') };
})();

interface JsonHistory {
  readonly events: readonly Record<string, unknown>[];
}

/** As it is kept: one line, and without the names of machines, processes and places of code. */
export function toStoredJson(history: History): string {
  const json = toJson(historyType, historyType.fromObject(history));
  const left = new Set(['stackTrace', 'requestId']);
  const text = JSON.stringify(json, (name, value) => {
    if (left.has(name)) return undefined;
    if (name === 'identity') return 'worker';
    const sticky = value?.kind === 'TASK_QUEUE_KIND_STICKY';
    return sticky ? { ...value, name: 'sticky' } : value;
  });
  return `${text}\n`;
}

/** The order of what happened, without the data: runs of the same shape prove the same. */
export function shapeOf(json: string): string {
  const { events } = JSON.parse(json) as JsonHistory;
  return events
    .map((event) => `${String(event['eventType'])} ${activityOf(event) ?? ''}`)
    .join('\n');
}

/** The activities that a run asked for. */
export function activitiesOf(json: string): string[] {
  const { events } = JSON.parse(json) as JsonHistory;
  return events.map(activityOf).filter((name) => name !== undefined);
}

function activityOf(event: Record<string, unknown>): string | undefined {
  const scheduled = event['activityTaskScheduledEventAttributes'] as
    | { activityType?: { name?: string } }
    | undefined;
  return scheduled?.activityType?.name;
}

/** The type of the workflow, from its first event. */
export function workflowTypeOf(json: string): string {
  const { events } = JSON.parse(json) as JsonHistory;
  const started = events[0]?.['workflowExecutionStartedEventAttributes'] as
    | { workflowType?: { name?: string } }
    | undefined;
  return started?.workflowType?.name ?? '';
}

/** Plays each history again by this code; a history that the code would not have made has an error. */
export async function replay(
  code: string,
  histories: readonly RecordedHistory[],
): Promise<{ name: string; error: string | undefined }[]> {
  installQuietRuntime();
  const results: { name: string; error: string | undefined }[] = [];
  const iterable = histories.map(({ workflowId, json }) => ({
    workflowId,
    history: fromJson(historyType, JSON.parse(json)),
  }));
  const replayed = Worker.runReplayHistories({ workflowBundle: { code } }, asAsync(iterable));
  let place = 0;
  for await (const result of replayed) {
    results.push({ name: histories[place]?.name ?? '', error: messageOf(result) });
    place += 1;
  }
  return results;
}

async function* asAsync<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

function messageOf({ error }: ReplayResult): string | undefined {
  return error === undefined ? undefined : `${error.name}: ${error.message}`;
}

let installed = false;

/** What a replay logs of a workflow that failed in its time is nothing to look at. */
function installQuietRuntime(): void {
  if (installed) return;
  installed = true;
  Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined), shutdownSignals: [] });
}
