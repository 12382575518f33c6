import { Command } from 'commander';
import type { Explanation } from '../../contract/explanation.ts';
import type { Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { describeExplanation } from '../explanation-view.ts';
import { example } from '../help.ts';
import { readManifestFiles } from '../manifest-files.ts';
import { collect, collectNames, parseJsonObject, splitAssignment } from '../option-values.ts';
import { printData } from '../output.ts';
import { resolveSchema } from '../schema-routes.ts';

interface ExplainOptions {
  readonly actor?: string;
  readonly key?: string;
  readonly role?: string[];
  readonly attribute?: string[];
  readonly data?: Record<string, unknown>;
  readonly include?: string[];
  readonly file?: string[];
}

export function explainCommand(cli: Cli): Command {
  return new Command('explain')
    .description('which rule of which layer allows or denies an operation, and why')
    .argument('<operation>', 'read, create, update, delete, history …')
    .argument('<schema>', 'its whole path where you may not see it: org/app/domain/object/version')
    .argument('[id]', 'of a record; without it, the list')
    .option('--actor <actor>', 'somebody else, for administrators and the diagnostics role')
    .option('--key <name>', 'an ApiKey of the domain, whose scopes count too')
    .option('--role <roles>', 'that the actor’s token would carry', collectNames)
    .option('--attribute <name=value>', 'likewise (repeatable)', collect)
    .option('--data <json>', 'a record to judge, or changes of the record', parseJsonObject)
    .option('--include <references>', 'records referred to', collectNames)
    .option('-f, --file <file>', 'manifests: show the lines of the rules (repeatable)', collect)
    .addHelpText(
      'after',
      example(
        'velocity explain read order',
        'velocity explain update order 019a9f6e-7c1b-7d63-a1f5-0d2f3c9b7a10 --actor bob -f order.yaml',
      ),
    )
    .action(
      async (
        operation: string,
        schema: string,
        id: string | undefined,
        options: ExplainOptions,
        command: Command,
      ) => {
        const { api, output } = await connect(cli, command);
        const { actor, key, role, attribute, data: record, include } = options;
        const attributes = attribute?.map((text) => splitAssignment(text, 'name=value'));
        const { body } = await api.send<Envelope<Explanation>>('POST', '/api/platform/explain', {
          body: {
            ...{ operation, schema: await resolveSchema(api, schema), id, actor, key, record },
            ...{ include, roles: role },
            attributes: attributes && Object.fromEntries(attributes),
          },
        });
        const manifests =
          options.file === undefined ? [] : await readManifestFiles(cli, options.file);
        printData(cli, output, body.data, () => describeExplanation(cli, body.data, manifests));
      },
    );
}
