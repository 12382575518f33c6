import type { Command } from 'commander';
import { ApiClient } from './api-client.ts';
import type { Cli } from './cli.ts';
import type { FoundContext } from './contexts.ts';
import { findContext } from './contexts.ts';
import type { OutputFormat } from './output.ts';
import { accessTokenOf } from './sign-in/access-token.ts';

/** Options that every command takes; `program.ts` declares them. */
export interface GlobalOptions {
  readonly output?: OutputFormat;
  readonly context?: string;
  readonly url?: string;
  readonly apiKey?: string;
}

export interface Connection {
  readonly api: ApiClient;
  readonly context: FoundContext;
  readonly output: OutputFormat;
}

/** The API that the flags, the environment or a context name; closed when the command has ended. */
export async function connect(cli: Cli, command: Command): Promise<Connection> {
  const options = command.optsWithGlobals<GlobalOptions>();
  const context = await findContext(cli.config, cli.workingDirectory, {
    url: options.url,
    apiKey: options.apiKey,
    name: options.context,
  });
  // A key that was given for this command counts more than who is signed in.
  const givenKey = options.apiKey ?? cli.config.apiKey;
  const accessToken = givenKey === undefined ? accessTokenOf(cli, context) : undefined;
  const api = new ApiClient({ url: context.url, apiKey: context.apiKey, accessToken });
  cli.cleanups.push(() => api.close());
  return { api, context, output: outputOf(command) };
}

export function outputOf(command: Command): OutputFormat {
  return command.optsWithGlobals<GlobalOptions>().output ?? 'table';
}
