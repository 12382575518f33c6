import type { Cli } from '../cli.ts';
import type { GlobalOptions } from '../connect.ts';
import type { Context } from '../contexts.ts';
import { contextFilePath, readContextFile } from '../contexts.ts';
import { usageFailure } from '../failures.ts';

/** The saved context that a sign-in belongs to: tokens live beside the address that they are for. */
export async function chosenContext(
  cli: Cli,
  options: GlobalOptions,
): Promise<{ readonly name: string; readonly context: Context }> {
  const file = await readContextFile(contextFilePath(cli.config));
  const name = options.context ?? cli.config.contextName ?? file.current;
  const context = name === undefined ? undefined : file.contexts[name];
  if (options.url === undefined && name !== undefined && context !== undefined) {
    return { name, context };
  }
  throw usageFailure(
    'a sign-in is kept with a context, and there is none here',
    'Make one first: `velocity context set NAME --url URL`; `velocity context use NAME` chooses it.',
  );
}
