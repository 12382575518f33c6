import { Command, Option } from 'commander';
import type { Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { describeVersion } from '../drift-view.ts';
import { exitCodes } from '../exit-codes.ts';
import { example } from '../help.ts';
import { printData, toYaml } from '../output.ts';
import type { SchemaName } from '../schema-path.ts';
import { locateSchema, schemaPath } from '../schema-path.ts';
import { comparedAt, waitUntilCompared } from '../wait-until-compared.ts';

interface ReconcileOptions {
  readonly namespace?: string;
  readonly reason?: string;
  readonly repair?: boolean;
  readonly adopt?: boolean;
  readonly dryRun?: boolean;
  readonly wait: boolean;
}

interface Settled {
  /** The platform is at it. */
  readonly asked: boolean;
  readonly steps?: readonly { summary: string; class: string; lock: string }[];
  readonly adopted?: readonly string[];
  readonly refused?: readonly { summary: string; why: string }[];
  readonly manifest?: object;
}

export function reconcileCommand(cli: Cli): Command {
  return new Command('reconcile')
    .description('have a schema looked at now, and settle what differs in the database')
    .argument('<schema>')
    .option('-n, --namespace <namespace>', 'where it is; without it, found by its name')
    .addOption(
      new Option('--repair', 'put the database back to what the schema says').conflicts('adopt'),
    )
    .option('--adopt', 'have the schema say what the database has, as far as it can')
    .option('--dry-run', 'show what would be done')
    .option('--reason <text>', 'why: kept in the audit')
    .option('--no-wait', 'only ask for it')
    .addHelpText(
      'after',
      '\nA repair that loses values waits for approval, as a change of the schema does. What is\nadopted is in the database and not yet in your files: the manifest is printed for that.\n',
    )
    .addHelpText(
      'after',
      example('velocity reconcile order --repair --dry-run', 'velocity reconcile order --adopt'),
    )
    .action(async (name: string, options: ReconcileOptions, command: Command) => {
      const { api, context, output } = await connect(cli, command);
      const schema = await locateSchema(api, name, options.namespace ?? context.namespace);
      const mode =
        options.repair === true ? 'repair' : options.adopt === true ? 'adopt' : undefined;
      if (mode === undefined && options.dryRun === true) {
        command.error('--dry-run goes with --repair or --adopt', { exitCode: exitCodes.usage });
      }
      const body = {
        ...(mode !== undefined && { mode, dryRun: options.dryRun === true }),
        ...(options.reason !== undefined && { reason: options.reason }),
      };
      const path = schemaPath(schema, 'reconcile');
      const waits = options.wait && options.dryRun !== true && mode !== 'adopt';
      const before = waits ? await comparedAt(api, schema) : undefined;
      const { data } = (await api.send<Envelope<Settled>>('POST', path, { body })).body;
      if ((data.refused ?? []).length > 0) cli.exitCode = exitCodes.failure;
      if (mode !== undefined || !waits) {
        printData(cli, output, data, () => describe(schema, mode, data));
      }
      if (!waits) return;
      const found = await waitUntilCompared(cli, api, schema, before);
      if (found.drifted) cli.exitCode = exitCodes.failure;
      if (mode !== undefined && output !== 'table') return;
      printData(cli, output, found, () =>
        found.versions.map((version) => describeVersion(version, cli.now())).join('\n\n'),
      );
    });
}

function describe(
  { namespace, name }: SchemaName,
  mode: 'repair' | 'adopt' | undefined,
  { asked, steps = [], adopted = [], refused = [], manifest }: Settled,
): string {
  const subject = `${namespace}/${name}`;
  const left = refused.flatMap(({ summary, why }) => [`  stays: ${summary}`, `         ${why}`]);
  if (mode === undefined) return `${subject} is being looked at`;
  if (mode === 'repair') {
    const list = steps.map(
      (step, place) =>
        `  ${String(place + 1).padStart(3)}. ${step.summary} (${step.class}, ${step.lock})`,
    );
    const head = asked ? `${subject} is being repaired` : `${subject}: a repair would`;
    const none = steps.length === 0 ? [`  nothing is known that differs and can be put right`] : [];
    return [head, ...list, ...none, ...left].join('\n');
  }
  const head = asked ? `${subject} says from now on:` : `${subject}: adopting would take over`;
  const none = adopted.length === 0 ? ['  nothing'] : [];
  const text = manifest === undefined ? [] : ['', toYaml(manifest).trimEnd()];
  return [head, ...adopted.map((one) => `  ${one}`), ...none, ...left, ...text].join('\n');
}
