import { Command } from 'commander';
import { apiVersion } from '../../contract/names.ts';
import type { ApiClient } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandFailure } from '../failures.ts';
import { example } from '../help.ts';
import { requireNamespace } from '../namespace-option.ts';
import { printData } from '../output.ts';
import type { ResourceView } from '../resources-api.ts';
import { applyResources, listResources, resourcePath } from '../resources-api.ts';
import { effectTimeoutMs, waitUntilGone, waitUntilReady } from '../wait-until-ready.ts';

export function revokeCommand(cli: Cli): Command {
  return new Command('revoke')
    .description('take roles from an actor in a domain: those named, or all')
    .argument('<actor>')
    .argument('[role...]', 'every role without it')
    .option('-n, --namespace <namespace>', 'the domain: ORG-APP-DOMAIN')
    .addHelpText('after', example('velocity revoke alice buyer -n acme-erp-procurement'))
    .action(
      async (actor: string, roles: string[], options: { namespace?: string }, command: Command) => {
        const { api, context, output } = await connect(cli, command);
        const namespace = requireNamespace(options.namespace, context);
        const bindings = await listResources(api, 'RoleBinding', namespace);
        const concerned = bindings.filter(
          ({ spec }) =>
            spec['actorId'] === actor &&
            (roles.length === 0 || rolesOf(spec).some((role) => roles.includes(role))),
        );
        if (concerned.length === 0) {
          const what = roles.length === 0 ? 'no role' : `not the role ${roles.join(' or ')}`;
          throw new CommandFailure(`${actor} has ${what} in ${namespace}`, {
            exitCode: exitCodes.notFound,
            hint: `velocity get rolebinding -n ${namespace}`,
          });
        }
        const changes: { name: string; revoked: string[]; left: string[] }[] = [];
        for (const binding of concerned) {
          const held = rolesOf(binding.spec);
          const left = roles.length === 0 ? [] : held.filter((role) => !roles.includes(role));
          await shrink(cli, api, binding, left);
          const revoked = held.filter((role) => !left.includes(role));
          changes.push({ name: binding.metadata.name, revoked, left });
        }
        printData(cli, output, changes, () => ({
          head: ['BINDING', 'REVOKED', 'LEFT'],
          rows: changes.map(({ name, revoked, left }) => [
            name,
            revoked.join(','),
            left.join(',') || '- (binding deleted)',
          ]),
        }));
      },
    );
}

function rolesOf(spec: ResourceView['spec']): string[] {
  return spec['roles'] as string[];
}

/**
 * A binding without roles cannot be: the last one takes the binding with it. Ends when the platform
 * has acted, for a role that is only asked to be gone still counts.
 */
async function shrink(
  cli: Cli,
  api: ApiClient,
  binding: ResourceView,
  roles: string[],
): Promise<void> {
  const { kind, spec, metadata } = binding;
  const { name, namespace, labels, annotations, resourceVersion } = metadata;
  if (roles.length === 0) {
    await api.send('DELETE', resourcePath(kind, namespace, name));
    return waitUntilGone(cli, api, binding, effectTimeoutMs);
  }
  const [applied] = await applyResources(api, [
    {
      apiVersion,
      kind,
      metadata: {
        name,
        namespace,
        ...(resourceVersion && { resourceVersion }),
        ...(labels && { labels }),
        ...(annotations && { annotations }),
      },
      spec: { ...spec, roles },
    },
  ]);
  await waitUntilReady(cli, api, [applied!.resource], effectTimeoutMs);
}
