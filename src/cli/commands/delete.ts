import { Command } from 'commander';
import { apiVersion, confirmDeleteAnnotation } from '../../contract/names.ts';
import type { ApiClient } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { ApiRefusal, usageFailure } from '../failures.ts';
import { example } from '../help.ts';
import { parseKind } from '../kind-names.ts';
import { readManifestFiles } from '../manifest-files.ts';
import { parseSeconds } from '../option-values.ts';
import { printData } from '../output.ts';
import type { ResourceView } from '../resources-api.ts';
import { applyResources, getResource, locateResource, resourcePath } from '../resources-api.ts';
import { waitUntilGone } from '../wait-until-ready.ts';

interface DeleteOptions {
  readonly namespace?: string;
  readonly file?: string[];
  readonly confirm?: boolean;
  readonly dryRun?: boolean;
  readonly wait?: boolean;
  readonly timeout: number;
}

export function deleteCommand(cli: Cli): Command {
  return new Command('delete')
    .description('delete resources; a schema that holds records only with --confirm')
    .argument('[kind]', 'for example schema or rolebinding')
    .argument('[name]')
    .option('-n, --namespace <namespace>', 'where it is; without it, found by its name')
    .option('-f, --file <path...>', 'delete what these manifests name, last first')
    .option('--confirm', 'delete a schema although it holds records: they are lost')
    .option('--dry-run', 'say whether it would be deleted')
    .option('--wait', 'wait until it is gone')
    .option('--timeout <seconds>', 'how long --wait waits', parseSeconds, 120)
    .addHelpText('after', example('velocity delete schema airport --confirm --wait'))
    .action(
      async (
        kind: string | undefined,
        name: string | undefined,
        options: DeleteOptions,
        command: Command,
      ) => {
        const { api, context, output } = await connect(cli, command);
        const namespace = options.namespace ?? context.namespace;
        const targets = await findTargets(cli, api, { kind, name, namespace, file: options.file });
        const deleted: unknown[] = [];
        for (const target of targets) {
          await deleteOne(api, target, options);
          if (options.wait && !options.dryRun) {
            await waitUntilGone(cli, api, target, options.timeout * 1_000);
          }
          const { namespace: where, name: what } = target.metadata;
          deleted.push({ kind: target.kind, namespace: where, name: what });
        }
        printData(cli, output, deleted, () => ({
          head: ['KIND', 'NAMESPACE', 'NAME', 'OUTCOME'],
          rows: targets.map(({ kind: of, metadata }) => [
            of,
            metadata.namespace,
            metadata.name,
            options.dryRun ? 'would be deleted' : options.wait ? 'deleted' : 'deleting',
          ]),
          empty: 'nothing of it exists',
        }));
      },
    );
}

interface Asked {
  readonly kind: string | undefined;
  readonly name: string | undefined;
  readonly namespace: string | undefined;
  readonly file: readonly string[] | undefined;
}

async function findTargets(cli: Cli, api: ApiClient, asked: Asked): Promise<ResourceView[]> {
  if (asked.file === undefined) {
    if (asked.kind === undefined || asked.name === undefined) {
      throw usageFailure('name what to delete: KIND NAME, or -f FILE');
    }
    return [await locateResource(api, parseKind(asked.kind), asked.name, asked.namespace)];
  }
  if (asked.kind !== undefined) throw usageFailure('KIND NAME and -f exclude each other');
  const found: ResourceView[] = [];
  for (const { manifest } of await readManifestFiles(cli, asked.file)) {
    const { kind, metadata } = manifest as ResourceView;
    const one = await getResource(api, parseKind(kind), metadata.namespace, metadata.name).catch(
      ifAbsent,
    );
    if (one !== undefined) found.push(one);
  }
  return found.toSorted((one, other) => deletionRank(one) - deletionRank(other));
}

/** Children before parents, whatever order the files are in. */
function deletionRank({ kind }: ResourceView): number {
  const parents = ['SchemaDefinition', 'AuthStrategy', 'Domain', 'Application', 'Organisation'];
  return parents.indexOf(kind);
}

async function deleteOne(
  api: ApiClient,
  target: ResourceView,
  options: DeleteOptions,
): Promise<void> {
  const { namespace, name, annotations, resourceVersion } = target.metadata;
  if (options.confirm && !options.dryRun && target.kind === 'SchemaDefinition') {
    const metadata = {
      name,
      namespace,
      ...(resourceVersion && { resourceVersion }),
      ...(target.metadata.labels === undefined ? {} : { labels: target.metadata.labels }),
      annotations: { ...annotations, [confirmDeleteAnnotation]: name },
    };
    await applyResources(api, [{ apiVersion, kind: target.kind, metadata, spec: target.spec }]);
  }
  await api
    .send('DELETE', resourcePath(target.kind, namespace, name), {
      query: { dryRun: options.dryRun ? 'true' : undefined },
    })
    .catch(ifAbsent);
}

/** Gone already is as good as deleted. */
function ifAbsent(error: unknown): undefined {
  if (error instanceof ApiRefusal && error.status === 404) return undefined;
  throw error;
}
