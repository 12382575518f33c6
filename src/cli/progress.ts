import type { Cli } from './cli.ts';
import { remark } from './cli.ts';

export interface Progress {
  update(text: string): void;
  succeed(text: string): void;
  fail(text: string): void;
}

/** Seconds between lines where nobody watches: enough for a log to show that it goes on. */
const lineIntervalMs = 5_000;

/** A spinner on a terminal; elsewhere a line every few seconds and one at the end. On stderr. */
export async function startProgress(cli: Cli, text: string): Promise<Progress> {
  if (!cli.stderr.isTty) return lines(cli);
  const { default: ora } = await import('ora');
  const spinner = ora({ text, stream: cli.stderr.stream as NodeJS.WriteStream, color: 'cyan' });
  spinner.start();
  cli.cleanups.push(async () => {
    spinner.stop();
  });
  return {
    update: (now) => {
      spinner.text = now;
    },
    succeed: (end) => {
      spinner.succeed(end);
    },
    fail: (end) => {
      spinner.fail(end);
    },
  };
}

function lines(cli: Cli): Progress {
  let saidAt = cli.now();
  return {
    update: (text) => {
      if (cli.now() - saidAt < lineIntervalMs) return;
      saidAt = cli.now();
      remark(cli, text);
    },
    succeed: (text) => remark(cli, text),
    fail: () => {}, // the failure itself is printed next
  };
}
