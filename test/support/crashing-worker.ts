import { AsyncLocalStorage } from 'node:async_hooks';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { readConfig } from '../../src/config.ts';
import { openObserver } from '../../src/observe.ts';
import { runWorker } from '../../src/process/worker.ts';
import { aroundStatements } from './around-statements.ts';
import type { Crash } from './control-plane.ts';

/**
 * `velocity worker`, but for one thing: it kills itself with SIGKILL. Either at the first run of one
 * activity, before Temporal hears of its end, or at one statement of the change of one schema.
 */
const crash = JSON.parse(process.argv[2] ?? '') as Crash;

/** Between a statement's being sent and its answer, for all but the shortest ones. */
const duringMs = 1;

/** Whether what runs is the change of the schema. */
const changing = new AsyncLocalStorage<true>();
let statements = 0;

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

const atActivity: ActivityInterceptorsFactory = (context) => ({
  inbound: {
    execute: async (input, next) => {
      const here = 'activity' in crash && context.info.activityType === crash.activity;
      if (here && crash.moment === 'before') die();
      const result = await next(input);
      if (here) die();
      return result;
    },
  },
});

const ofSchema: ActivityInterceptorsFactory = ({ info }) => ({
  inbound: {
    execute: async (input, next) => {
      const of = info.workflowExecution?.workflowId ?? '';
      if (!('schema' in crash) || !of.endsWith(`/${crash.schema}`)) return next(input);
      const result = await changing.run(true, () => next(input));
      // There was no such statement: at the latest it dies before Temporal hears of the last one.
      if (info.activityType === 'activateRevision') die();
      return result;
    },
  },
});

async function atStatement<T>(statement: () => Promise<T>): Promise<T> {
  const counted = 'schema' in crash && changing.getStore() === true;
  if (!counted || ++statements !== crash.statement) return statement();
  if (crash.moment === 'before') die();
  if (crash.moment === 'during') setTimeout(die, duringMs);
  try {
    return await statement();
  } finally {
    die();
  }
}

const config = readConfig();
const { observe } = openObserver({ process: 'worker', logLevel: config.logLevel });
await runWorker({
  config,
  observe,
  signal: new AbortController().signal,
  interceptors: [atActivity, ofSchema],
  wrapPool: (pool) => aroundStatements(pool, atStatement),
});
