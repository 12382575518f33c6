import { Command, InvalidArgumentError } from 'commander';

export interface DevOptions {
  /** The folder of manifests to apply and watch. */
  readonly dir: string | undefined;
  /** The API's port; without it 8080, the last one used, or a free one. */
  readonly port: number | undefined;
  readonly json: boolean;
  readonly fresh: boolean;
  /** A superuser's address of a PostgreSQL of the caller's own. */
  readonly databaseUrl: string | undefined;
  readonly temporalAddress: string | undefined;
}

/** What commander ended the run for: `--help` (0) or arguments that are not understood (2). */
export class UsageExit extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super('usage');
    this.exitCode = exitCode;
  }
}

const portMax = 65_535;

const help = `
State is kept in ./.velocity; Ctrl-C stops everything, and a later start goes on from there.

Examples:
  velocity dev                       an empty platform
  velocity dev manifests             apply and watch the manifests in ./manifests
  velocity dev samples/flights --port 9000
  velocity dev --json >dev.json      the addresses as one JSON object, progress on stderr
  velocity dev --fresh samples       forget everything first`;

/** Reads the arguments after `velocity dev`; throws a UsageExit when there is nothing to run. */
export function parseDevOptions(argv: readonly string[]): DevOptions {
  const command = new Command('velocity dev')
    .description(
      'Runs all of Velocity on this machine: PostgreSQL, Temporal, worker, operator, API.',
    )
    .argument('[dir]', 'folder of manifests to apply and to watch')
    .option('--port <port>', 'port of the API (default: 8080, or a free one)', parsePort)
    .option('--json', 'print one JSON object on stdout once everything is up', false)
    .option('--fresh', 'remove the state in ./.velocity first', false)
    .option('--database-url <url>', 'use this PostgreSQL (16 or later), as its superuser')
    .option('--temporal-address <address>', 'use this Temporal server (host:port)')
    .addHelpText('after', help)
    .exitOverride((error) => {
      throw new UsageExit(error.exitCode === 0 ? 0 : 2);
    })
    .parse([...argv], { from: 'user' });
  const options = command.opts<{
    port?: number;
    json: boolean;
    fresh: boolean;
    databaseUrl?: string;
    temporalAddress?: string;
  }>();
  return {
    dir: command.args[0],
    port: options.port,
    json: options.json,
    fresh: options.fresh,
    databaseUrl: options.databaseUrl,
    temporalAddress: options.temporalAddress,
  };
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > portMax) {
    throw new InvalidArgumentError(`a whole number from 0 (any free one) to ${portMax} is wanted.`);
  }
  return port;
}
