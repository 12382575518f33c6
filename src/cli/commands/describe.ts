import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { example } from '../help.ts';
import { parseKind } from '../kind-names.ts';
import { age, cell, printData, renderTable, toYaml } from '../output.ts';
import type { ResourceView } from '../resources-api.ts';
import { locateResource, messageOf, phaseOf } from '../resources-api.ts';

export function describeCommand(cli: Cli): Command {
  return new Command('describe')
    .description('everything about one resource: phase, conditions, specification')
    .argument('<kind>', 'for example schema or rolebinding')
    .argument('<name>')
    .option('-n, --namespace <namespace>', 'where it is; without it, found by its name')
    .addHelpText('after', example('velocity describe schema airport'))
    .action(
      async (kind: string, name: string, options: { namespace?: string }, command: Command) => {
        const { api, context, output } = await connect(cli, command);
        const namespace = options.namespace ?? context.namespace;
        const resource = await locateResource(api, parseKind(kind), name, namespace);
        printData(cli, output, resource, () => describe(cli, resource));
      },
    );
}

function describe(cli: Cli, resource: ResourceView): string {
  const { metadata, spec } = resource;
  const { conditions = [], phase: _, observedGeneration, ...status } = resource.status ?? {};
  const facts: [string, unknown][] = [
    ['Kind', resource.kind],
    ['Name', metadata.name],
    ['Namespace', metadata.namespace],
    ['Phase', phaseOf(resource)],
    ['Message', messageOf(resource)],
    ['Age', age(metadata.creationTimestamp, cli.now())],
    ['Generation', `${metadata.generation} (acted upon: ${observedGeneration ?? 'none yet'})`],
    ['Labels', joined(metadata.labels)],
    ['Annotations', joined(metadata.annotations)],
  ];
  const parts = facts
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([title, value]) => `${`${title}:`.padEnd(13)}${String(value)}`);
  if (conditions.length > 0) {
    const rows = conditions.map(({ type, status: is, reason, message, lastTransitionTime }) => [
      type,
      is,
      cell(reason),
      age(lastTransitionTime, cli.now()),
      cell(message),
    ]);
    const table = renderTable(cli, {
      head: ['TYPE', 'STATUS', 'REASON', 'SINCE', 'MESSAGE'],
      rows,
    });
    parts.push('', 'Conditions:', indent(table));
  }
  if (Object.keys(status).length > 0) parts.push('', 'Status:', indent(toYaml(status)));
  parts.push('', 'Spec:', indent(toYaml(spec)));
  return parts.join('\n').trimEnd();
}

function joined(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}

function indent(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}
