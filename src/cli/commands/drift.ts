import { Command } from 'commander';
import type { Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { exitCodes } from '../exit-codes.ts';
import { example } from '../help.ts';
import { age, printData } from '../output.ts';
import { locateSchema, schemaPath } from '../schema-path.ts';

interface DriftItemView {
  readonly kind: string;
  readonly name: string;
  readonly difference: 'missing' | 'unexpected' | 'changed';
  readonly summary: string;
  readonly expected?: string;
  readonly actual?: string;
}

interface VersionDrift {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly revision: number;
  readonly items: readonly DriftItemView[];
  readonly since: string | null;
  readonly checkedAt: string;
}

interface SchemaDrift {
  readonly drifted: boolean;
  readonly versions: readonly VersionDrift[];
}

export function driftCommand(cli: Cli): Command {
  return new Command('drift')
    .description('what somebody has changed in the database that schemas do not say')
    .argument('[schema]', 'its differences, one by one; without it, the schemas that have some')
    .option('-n, --namespace <namespace>', 'where it is; without it, found by its name')
    .addHelpText('after', '\nExit code 1 when something differs. Compared every ten minutes.\n')
    .addHelpText('after', example('velocity drift', 'velocity drift order -n acme-shop-sales'))
    .action(async (name: string | undefined, options: { namespace?: string }, command: Command) => {
      const { api, context, output } = await connect(cli, command);
      const namespace = options.namespace ?? context.namespace;
      if (name === undefined) {
        const { data } = await api.get<Envelope<VersionDrift[]>>('/api/platform/drift');
        const found = data.filter((one) => namespace === undefined || one.namespace === namespace);
        printData(cli, output, found, () => ({
          head: ['NAMESPACE', 'SCHEMA', 'VERSION', 'DIFFERENCES', 'SINCE', 'CHECKED'],
          rows: found.map((one) => [
            ...[one.namespace, one.name, one.version, String(one.items.length)],
            ...[one.since ?? '', one.checkedAt].map((at) => age(at, cli.now())),
          ]),
          empty: 'nothing differs',
        }));
        if (found.length > 0) cli.exitCode = exitCodes.failure;
        return;
      }
      const schema = await locateSchema(api, name, namespace);
      const { data } = await api.get<Envelope<SchemaDrift>>(schemaPath(schema, 'drift'));
      printData(cli, output, data, () =>
        data.versions.length === 0
          ? `${schema.namespace}/${name} has not been compared yet: velocity reconcile ${name}`
          : data.versions.map((version) => describe(version, cli.now())).join('\n\n'),
      );
      if (data.drifted) cli.exitCode = exitCodes.failure;
    });
}

function describe(version: VersionDrift, now: number): string {
  const { namespace, name, revision, items, checkedAt } = version;
  const head = `${namespace}/${name} ${version.version}, revision ${revision}, compared ${age(checkedAt, now)} ago`;
  if (items.length === 0) return `${head}: nothing differs`;
  const count = `${items.length} difference${items.length === 1 ? '' : 's'}`;
  return [`${head}: ${count}`, ...items.flatMap(lines)].join('\n');
}

/** As a diff says it: what the schema has is taken away, what is there is new. */
function lines({ summary, expected, actual }: DriftItemView): string[] {
  return [
    `  ${summary}`,
    ...(expected === undefined ? [] : [`  - ${expected}`]),
    ...(actual === undefined ? [] : [`  + ${actual}`]),
  ];
}
