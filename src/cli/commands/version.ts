import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { remark } from '../cli.ts';
import { readClientVersion } from '../client-version.ts';
import { connect, outputOf } from '../connect.ts';
import { CommandFailure } from '../failures.ts';
import { example } from '../help.ts';
import { cell, printData } from '../output.ts';
import { findServerVersion } from '../server-state.ts';

export function versionCommand(cli: Cli): Command {
  return new Command('version')
    .description('version of this program and of the API')
    .option('--client', 'only of this program')
    .addHelpText('after', example('velocity version'))
    .action(async (options: { client?: boolean }, command: Command) => {
      const client = { version: await readClientVersion(), node: process.version };
      const server = options.client ? undefined : await findServer(cli, command);
      printData(cli, outputOf(command), { client, ...(server && { server }) }, () => ({
        head: ['', 'VERSION'],
        rows: [
          ['client', `${client.version} (Node.js ${client.node})`],
          ...(options.client ? [] : [['server', cell(server?.['version'] ?? 'unknown')]]),
        ],
      }));
    });
}

/** Without a server the client still has a version. */
async function findServer(
  cli: Cli,
  command: Command,
): Promise<Record<string, unknown> | undefined> {
  try {
    const { api } = await connect(cli, command);
    return await findServerVersion(api);
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    remark(cli, `the server's version is not known: ${error.message}`);
    return undefined;
  }
}
