import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { apiVersion, dropVersionAnnotation } from '../../contract/names.ts';
import type { ApiClient } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandFailure, usageFailure } from '../failures.ts';
import { example } from '../help.ts';
import { printData } from '../output.ts';
import type { ConditionView, ResourceView } from '../resources-api.ts';
import { applyResources, getResource, locateResource } from '../resources-api.ts';
import { effectTimeoutMs } from '../wait-until-ready.ts';

const kind = 'SchemaDefinition';
const pollIntervalMs = 250;

export function schemaRetireCommand(cli: Cli): Command {
  return new Command('retire')
    .description('drop a version that was left behind, with its records and their history')
    .argument('<schema>')
    .requiredOption('--version <version>', 'the version to drop, v1 for example')
    .option('--confirm', 'yes, all of it, for good')
    .option('-n, --namespace <namespace>', 'where it is; without it, found by its name')
    .addHelpText('after', example('velocity schema retire order --version v1 --confirm'))
    .action(async (name: string, options: RetireOptions, command: Command) => {
      const { api, context, output } = await connect(cli, command);
      const { version, confirm = false } = options;
      const schema = await locateResource(api, kind, name, options.namespace ?? context.namespace);
      if (!versionsOf(schema).includes(version)) {
        const served = versionsOf(schema).join(', ');
        throw usageFailure(`${name} has no version ${version}`, `It has ${served}.`);
      }
      if (!confirm) {
        const hint = `To lose them, add --confirm.`;
        throw usageFailure(`${version} goes with its records and their history`, hint);
      }
      const message = await dropVersion(cli, api, schema, version);
      printData(cli, output, { name, version, message }, () => message);
    });
}

interface RetireOptions {
  readonly version: string;
  readonly confirm?: boolean;
  readonly namespace?: string;
}

function versionsOf({ status }: ResourceView): string[] {
  const versions = (status?.['versions'] ?? []) as readonly { readonly version: string }[];
  return versions.map(({ version }) => version);
}

async function dropVersion(
  cli: Cli,
  api: ApiClient,
  { metadata, spec }: ResourceView,
  version: string,
): Promise<string> {
  const { namespace, name, resourceVersion, labels, annotations } = metadata;
  const asked = {
    ...{ name, namespace },
    ...(resourceVersion && { resourceVersion }),
    ...(labels !== undefined && { labels }),
    annotations: { ...annotations, [dropVersionAnnotation]: version },
  };
  await applyResources(api, [{ apiVersion, kind, metadata: asked, spec }]);
  for (const deadline = cli.now() + effectTimeoutMs; cli.now() < deadline; ) {
    const now = await getResource(api, kind, namespace, name);
    const said = now.status?.conditions?.find(({ type }) => type === 'VersionDropped');
    if (!versionsOf(now).includes(version)) return said?.message ?? `${version} is gone`;
    if (isRefusal(said, version)) {
      throw new CommandFailure(`not dropped yet: ${said?.message}`, {
        exitCode: exitCodes.failure,
        hint: `To keep it, take the annotation ${dropVersionAnnotation} away.`,
      });
    }
    await sleep(pollIntervalMs);
  }
  throw new CommandFailure(`${version} is still there`, {
    exitCode: exitCodes.failure,
    hint: `velocity describe sd ${name} shows every condition`,
  });
}

/** Of this version: what was said of another one earlier is no answer. */
function isRefusal(said: ConditionView | undefined, version: string): boolean {
  return said?.status === 'False' && said.message?.startsWith(`${version} `) === true;
}
