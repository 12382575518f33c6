import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { exitCodes } from '../exit-codes.ts';
import { example } from '../help.ts';
import { readManifestFiles } from '../manifest-files.ts';
import { printData } from '../output.ts';
import type { PlannedChange } from '../resources-api.ts';
import { applyResources } from '../resources-api.ts';

export function schemaDiffCommand(cli: Cli): Command {
  return new Command('diff')
    .description('what applying would change: each step with its lock, its cost and its SQL')
    .argument('<file...>', 'files, folders, or - for standard input')
    .option('--sql', 'show the statements too')
    .addHelpText('after', '\nNothing is kept. -o json prints the whole plan.\n')
    .addHelpText('after', example('velocity schema diff order.yaml --sql'))
    .action(async (files: string[], options: { sql?: boolean }, command: Command) => {
      const { api, output } = await connect(cli, command);
      const manifests = await readManifestFiles(cli, files);
      const items = manifests.map(({ manifest }) => manifest);
      const outcomes = await applyResources(api, items, { dryRun: true });
      const planned = outcomes.flatMap(({ outcome, resource, plan }) =>
        plan === undefined ? [] : [{ outcome, name: nameOf(resource.metadata), plan }],
      );
      printData(cli, output, planned, () =>
        planned.map((one) => describe(one, options.sql === true)).join('\n\n'),
      );
      if (planned.some(({ plan }) => plan.refused !== undefined)) cli.exitCode = exitCodes.failure;
    });
}

function nameOf({ namespace, name }: { namespace: string; name: string }): string {
  return `${namespace}/${name}`;
}

interface Planned {
  readonly outcome: string;
  readonly name: string;
  readonly plan: PlannedChange;
}

function describe({ outcome, name, plan }: Planned, sql: boolean): string {
  if (outcome === 'unchanged') return `${name}: nothing changes`;
  const head = `${name}: ${outcome === 'created' ? 'is new' : `${plan.class}, plan ${plan.hash}`}`;
  if (plan.refused !== undefined) return `${head}\n  refused: ${plan.refused.message}`;
  const changes = plan.changes.map((change) => `  ${change.class.padEnd(9)}${change.summary}`);
  const steps = plan.steps.flatMap((step, place) => {
    const cost = [
      step.scans ? 'scans' : '',
      step.rewrites ? 'rewrites' : '',
      step.rows === undefined ? '' : `about ${step.rows} rows`,
    ].filter(Boolean);
    const notes = [step.lock, ...cost].join(', ');
    const line = `  ${String(place + 1).padStart(3)}. ${step.summary} (${notes})`;
    return sql ? [line, ...step.sql.split('\n').map((text) => `         ${text.trim()}`)] : [line];
  });
  const approval = plan.needsApproval
    ? ['  waits for approval of this plan once it is applied']
    : [];
  return [head, ...changes, ' steps:', ...steps, ...approval].join('\n');
}
