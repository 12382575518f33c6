import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import type { ApiClient, Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandFailure } from '../failures.ts';
import { example } from '../help.ts';
import { printData } from '../output.ts';
import { startProgress } from '../progress.ts';
import { getResource, locateResource } from '../resources-api.ts';

interface PromoteOptions {
  readonly to: string;
  readonly sunset?: string;
  readonly hold?: boolean;
  readonly wait: boolean;
  readonly namespace?: string;
}

/** What the status of a schema says of its latest migration. */
interface Migration {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly state: string;
  readonly copied?: number;
  readonly message?: string;
}

const pollIntervalMs = 250;
const kind = 'SchemaDefinition';

export function schemaPromoteCommand(cli: Cli): Command {
  return new Command('promote')
    .description('move the records of a schema to its newest version, while both serve')
    .argument('<schema>')
    .requiredOption('--to <version>', 'the version that takes the records over')
    .option('--sunset <duration>', 'how long the version before is still read, 30d for example')
    .option('--hold', 'keep both in step, and cut over when promote is run again without it')
    .option('--no-wait', 'do not wait until it is done')
    .option('-n, --namespace <namespace>', 'where it is; without it, found by its name')
    .addHelpText('after', '\nA field takes what spec.lifecycle.migrateFrom.mapping says of it.\n')
    .addHelpText('after', example('velocity schema promote order --to v2 --sunset 30d'))
    .action(async (name: string, options: PromoteOptions, command: Command) => {
      const { api, context, output } = await connect(cli, command);
      const given = options.namespace ?? context.namespace;
      const namespace =
        given ?? (await locateResource(api, kind, name, undefined)).metadata.namespace;
      const { to, sunset, hold = false } = options;
      const subject = [namespace, name].map(encodeURIComponent).join('/');
      const path = `/api/platform/schemas/${subject}/promote`;
      const body = { to, hold, ...(sunset !== undefined && { sunset }) };
      const answer = await api.send<Envelope<Migration>>('POST', path, { body });
      const asked = answer.body.data;
      const reached = options.wait
        ? await waitForMigration(cli, api, { namespace, name, hold, to, id: asked.id })
        : asked;
      printData(
        cli,
        output,
        reached,
        () => reached.message ?? `records of ${namespace}/${name} move from ${asked.from} to ${to}`,
      );
    });
}

interface Waited {
  readonly namespace: string;
  readonly name: string;
  readonly hold: boolean;
  readonly to: string;
  readonly id: string;
}

/** Until it is done, or held in step; a large table takes its time, so there is no limit but ^C. */
async function waitForMigration(
  cli: Cli,
  api: ApiClient,
  { namespace, name, hold, to, id }: Waited,
): Promise<Migration> {
  const progress = await startProgress(cli, `moving records to ${to}`);
  for (;;) {
    const { status } = await getResource(api, kind, namespace, name);
    const migration = status?.['migration'] as Migration | undefined;
    if (migration?.id === id) {
      const { state, message = '' } = migration;
      if (state === 'done' || (hold && state === 'inStep')) {
        progress.succeed(state === 'done' ? 'cut over' : 'in step');
        return migration;
      }
      if (state === 'failed' || state === 'cancelled') {
        progress.fail(state);
        throw new CommandFailure(`not promoted: ${message}`, { exitCode: exitCodes.failure });
      }
      progress.update(message);
    }
    await sleep(pollIntervalMs);
  }
}
