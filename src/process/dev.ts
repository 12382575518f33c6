import { stat } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import type { DevConsole } from './dev/console.ts';
import { createConsole } from './dev/console.ts';
import { assignPorts } from './dev/dev-ports.ts';
import { followFolder } from './dev/follow-folder.ts';
import { openChildRecord, stopLeftovers } from './dev/leftovers.ts';
import type { Lock } from './dev/lock.ts';
import { acquireLock, LockHeldError } from './dev/lock.ts';
import type { DevOptions } from './dev/options.ts';
import { parseDevOptions, UsageExit } from './dev/options.ts';
import { printReport, writeReport } from './dev/report.ts';
import { loadSecrets } from './dev/secrets.ts';
import { startPlatform } from './dev/start-platform.ts';
import type { StateFolder } from './dev/state-folder.ts';
import {
  forgetReport,
  openStateFolder,
  prepareStateFolder,
  wipeStateFolder,
} from './dev/state-folder.ts';
import type { Supervisor } from './dev/supervisor.ts';
import { createSupervisor } from './dev/supervisor.ts';
import { onStopSignals } from './stop-signals.ts';

/** What a shell reports for a program that Ctrl-C ended. */
const interruptedCode = 130;

/** `velocity dev [DIR]`: everything on this machine until a signal ends it; the exit code. */
export async function run(argv: string[]): Promise<number> {
  let options: DevOptions;
  try {
    options = parseDevOptions(argv);
  } catch (error) {
    if (error instanceof UsageExit) return error.exitCode;
    throw error;
  }
  // A reader that went away (a closed terminal, `| head`) must not end what is running.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  const screen = options.json ? process.stderr : process.stdout;
  const console = createConsole((text) => screen.write(text));
  try {
    await requireFolder(options.dir);
    const folder = await openStateFolder(process.cwd());
    const lock = await acquireLock(folder.lock, new Date());
    try {
      await runLocked({ options, folder, lock, console });
    } finally {
      await lock.release();
    }
    return 0;
  } catch (error) {
    if (!(error instanceof LockHeldError)) throw error;
    process.stderr.write(`velocity: ${error.message}\n`);
    return 1;
  }
}

interface LockedRun {
  readonly options: DevOptions;
  readonly folder: StateFolder;
  readonly lock: Lock;
  readonly console: DevConsole;
}

/** The whole life of a run; returns after a signal, with every child stopped. */
async function runLocked(run: LockedRun): Promise<void> {
  const { options, folder, console } = run;
  const supervisor = createSupervisor({ record: openChildRecord(folder), console });
  using stop = onStopSignals({
    asked: () => console.say('stopping (once more forces it)'),
    force: () => void forceEnd(run, supervisor),
  });

  const leftovers = await stopLeftovers(folder);
  if (leftovers.length > 0) console.say(`stopped what a killed run left: ${leftovers.join(', ')}`);
  if (options.fresh) await wipeStateFolder(folder);
  await prepareStateFolder(folder);
  await forgetReport(folder);
  try {
    await serve(run, supervisor, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    await supervisor.stop();
    await forgetReport(folder);
    await openChildRecord(folder).clear();
    console.say('stopped');
  }
}

async function serve(run: LockedRun, supervisor: Supervisor, signal: AbortSignal): Promise<void> {
  const { options, folder, console } = run;
  const startedAt = performance.now();
  const secrets = await loadSecrets(folder.secrets);
  const ports = await assignPorts(folder.ports, options.port);
  const context = { options, folder, secrets, ports, supervisor, console, signal };
  const platform = await startPlatform(context);
  await run.lock.announce(platform.apiUrl);
  await using followed = await followFolder(context, platform.database.operatorUrl);
  const report = await writeReport(context, platform);
  console.say(`ready after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else {
    printReport(console, {
      report,
      reportFile: relative(process.cwd(), folder.report),
      adminKeyIsNew: platform.database.adminKeyIsNew,
      dir: options.dir,
    });
  }
  await Promise.race([followed.ended, untilAborted(signal)]);
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function forceEnd(run: LockedRun, supervisor: Supervisor): Promise<void> {
  await supervisor.kill();
  await run.lock.release();
  process.exit(interruptedCode);
}

async function requireFolder(dir: string | undefined): Promise<void> {
  if (dir === undefined) return;
  const found = await stat(resolve(dir)).catch(() => undefined);
  if (!found?.isDirectory()) throw new Error(`${dir} is not a folder of manifests`);
}
