import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import type { ApiClient, Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { example } from '../help.ts';
import { parseSeconds } from '../option-values.ts';
import { printData } from '../output.ts';
import type { ResourceView } from '../resources-api.ts';
import { getResource, locateResource, phaseOf } from '../resources-api.ts';
import { waitUntilReady } from '../wait-until-ready.ts';

interface DecideOptions {
  readonly plan: string;
  readonly namespace?: string;
  readonly reason?: string;
  readonly token?: boolean;
  readonly wait?: boolean;
  readonly timeout?: number;
}

/** A decision is taken up within tenths of a second, unless no worker runs. */
const takenUpWithinMs = 10_000;
const pollIntervalMs = 100;

export function approveCommand(cli: Cli): Command {
  const schema = schemaSubcommand(cli, 'approve')
    .description('approve the plan of a schema that waits')
    .option('--token', 'do not approve: print a token, good for an hour and one signal')
    .option('--wait', 'wait until the schema is Ready, or says why it is not')
    .option('--timeout <seconds>', 'how long --wait waits', parseSeconds, 120)
    .addHelpText('after', example('velocity approve schema order -n acme-shop-sales --plan 3f9c…'));
  return new Command('approve')
    .description('let what waits for somebody’s word go on')
    .addCommand(schema)
    .addHelpText('after', example('velocity approve schema order -n acme-shop-sales --plan 3f9c…'));
}

export function rejectCommand(cli: Cli): Command {
  const schema = schemaSubcommand(cli, 'reject')
    .description('reject the plan of a schema that waits; the old revision goes on serving')
    .option('--reason <text>', 'why: who asked for it reads this in the status')
    .addHelpText('after', example('velocity reject schema order --plan 3f9c… --reason "not yet"'));
  return new Command('reject')
    .description('turn down what waits')
    .addCommand(schema)
    .addHelpText('after', example('velocity reject schema order --plan 3f9c… --reason "not yet"'));
}

function schemaSubcommand(cli: Cli, verb: 'approve' | 'reject'): Command {
  return new Command('schema')
    .argument('<name>')
    .requiredOption('--plan <hash>', 'the plan that you have read: status.plan.hash')
    .option('-n, --namespace <namespace>', 'where it is; without it, found by its name')
    .action(async (name: string, options: DecideOptions, command: Command) => {
      const { api, context, output } = await connect(cli, command);
      const given = options.namespace ?? context.namespace;
      const namespace =
        given ??
        (await locateResource(api, 'SchemaDefinition', name, undefined)).metadata.namespace;
      const subject = [namespace, name].map(encodeURIComponent).join('/');
      const path = `/api/platform/schema-plans/${subject}/${options.token ? 'approval-tokens' : verb}`;
      const { plan, reason } = options;
      const body = { plan, ...(reason !== undefined && { reason }) };
      const answer = await api.send<Envelope<{ token?: string }>>('POST', path, { body });
      const { data } = answer.body;
      const done = verb === 'approve' ? 'approved' : 'rejected';
      printData(cli, output, data, () => data.token ?? `plan of ${namespace}/${name} ${done}`);
      if (options.token === true) return;
      const schema = await untilTakenUp(cli, api, { namespace, name, plan });
      const { wait, timeout = 0 } = options;
      if (wait === true) await waitUntilReady(cli, api, [schema], timeout * 1_000);
    });
}

/** The plan waits no more, so that whoever looks next sees what the decision has led to. */
async function untilTakenUp(
  cli: Cli,
  api: ApiClient,
  { namespace, name, plan }: { namespace: string; name: string; plan: string },
): Promise<ResourceView> {
  const deadline = cli.now() + takenUpWithinMs;
  for (;;) {
    const schema = await getResource(api, 'SchemaDefinition', namespace, name);
    const shown = schema.status?.['plan'] as { hash?: string } | undefined;
    const waits = phaseOf(schema) === 'AwaitingApproval' && shown?.hash === plan;
    if (!waits || cli.now() >= deadline) return schema;
    await sleep(pollIntervalMs);
  }
}
