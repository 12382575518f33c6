import { environment } from './config.ts';
import type { ProcessName } from './contract/processes.ts';

/** What every process and the command line export; the number is the exit code. */
interface Runnable {
  run(argv: string[]): Promise<number>;
}

/** Imported only when asked for: `velocity get` loads neither Temporal nor a Postgres driver. */
const processModules: Record<ProcessName, () => Promise<Runnable>> = {
  dev: () => import('./process/dev.ts'),
  api: () => import('./process/api.ts'),
  worker: () => import('./process/worker.ts'),
  operator: () => import('./process/operator.ts'),
  migrate: () => import('./process/migrate.ts'),
};

/** Set to anything, the stack of an unexpected error is printed too. */
const debugVariable = 'VELOCITY_DEBUG';
/** Causes shown: the library's, the system's, and one in between. */
const causesMax = 4;

async function main(argv: string[]): Promise<number> {
  const [first, ...rest] = argv;
  if (first !== undefined && isProcess(first) && !isExplainedByCli(first, rest)) {
    const { run } = await processModules[first]();
    return run(rest);
  }
  const { run } = await import('./cli/main.ts');
  return run(argv);
}

/** These take their settings from the environment, which the command line's tree explains. */
function isExplainedByCli(name: ProcessName, rest: readonly string[]): boolean {
  const takesSettings = name === 'api' || name === 'worker' || name === 'operator';
  return takesSettings && rest.some((argument) => argument === '-h' || argument === '--help');
}

function isProcess(name: string): name is ProcessName {
  return Object.hasOwn(processModules, name);
}

/** Expected failures are printed where they are understood; what arrives here is one line. */
function describe(error: unknown, debug: boolean): string {
  if (!(error instanceof Error)) return String(error);
  if (debug) return error.stack ?? error.message;
  const causes: string[] = [];
  for (
    let cause: unknown = error;
    cause instanceof Error && causes.length < causesMax;
    cause = cause.cause
  ) {
    if (cause.message && !causes.includes(cause.message)) causes.push(cause.message);
  }
  return `${causes.join(': ') || error.name} (${debugVariable}=1 prints the stack)`;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`velocity: ${describe(error, Boolean(environment()[debugVariable]))}\n`);
  process.exitCode = 1;
}
