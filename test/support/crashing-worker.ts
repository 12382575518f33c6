import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { readConfig } from '../../src/config.ts';
import { openObserver } from '../../src/observe.ts';
import { runWorker } from '../../src/process/worker.ts';

/**
 * `velocity worker`, but for one thing: it kills itself with SIGKILL just before or just after the
 * first run of one activity, before Temporal hears of its end.
 */
const [activity, moment] = process.argv.slice(2);

const crash: ActivityInterceptorsFactory = (context) => ({
  inbound: {
    execute: async (input, next) => {
      const here = context.info.activityType === activity;
      if (here && moment === 'before') process.kill(process.pid, 'SIGKILL');
      const result = await next(input);
      if (here) process.kill(process.pid, 'SIGKILL');
      return result;
    },
  },
});

const config = readConfig();
const { observe } = openObserver({ process: 'worker', logLevel: config.logLevel });
await runWorker({
  config,
  observe,
  signal: new AbortController().signal,
  interceptors: [crash],
});
