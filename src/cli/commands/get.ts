import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { example } from '../help.ts';
import { kindList, parseKind } from '../kind-names.ts';
import { printData } from '../output.ts';
import { tableOfResources } from '../resource-table.ts';
import { listResources, locateResource } from '../resources-api.ts';

export function getCommand(cli: Cli): Command {
  return new Command('get')
    .description('list resources of a kind, or show one')
    .argument('<kind>', 'for example schema, rolebinding or ak; also KIND/NAME')
    .argument('[name]', 'one resource')
    .option('-n, --namespace <namespace>', 'only there; without it, wherever you may look')
    .addHelpText('after', `\nKinds: ${kindList()}\n`)
    .addHelpText('after', example('velocity get schemas', 'velocity get schema airport -o yaml'))
    .action(
      async (kindText: string, nameText: string | undefined, _: unknown, command: Command) => {
        const [kindName = '', ...more] = kindText.split('/');
        const kind = parseKind(kindName);
        const name = nameText ?? (more.length > 0 ? more.join('/') : undefined);
        const { api, context, output } = await connect(cli, command);
        const namespace = command.opts<{ namespace?: string }>().namespace ?? context.namespace;
        if (name === undefined) {
          const resources = await listResources(api, kind, namespace);
          return printData(cli, output, resources, () =>
            tableOfResources(kind, resources, cli.now()),
          );
        }
        const resource = await locateResource(api, kind, name, namespace);
        return printData(cli, output, resource, () =>
          tableOfResources(kind, [resource], cli.now()),
        );
      },
    );
}
