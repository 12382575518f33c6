import { Command } from 'commander';
import type { Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { example } from '../help.ts';
import { cell, printData } from '../output.ts';

interface RoleView {
  readonly namespace: string;
  readonly role: string;
  readonly is?: readonly string[];
  readonly grants: readonly {
    readonly schema: string;
    readonly version: string;
    readonly operations: readonly string[];
  }[];
  readonly holders: readonly {
    readonly actor: string;
    readonly scopes?: readonly unknown[];
    readonly expiresAt?: string;
    readonly expired?: boolean;
  }[];
}

export function roleCommand(cli: Cli): Command {
  return new Command('role')
    .description('list roles: what they may do, and who holds them')
    .addCommand(roleListCommand(cli))
    .addHelpText('after', example('velocity role list -n acme-travel-flights'));
}

function roleListCommand(cli: Cli): Command {
  return new Command('list')
    .description('roles of the domains that you administer')
    .option('-n, --namespace <namespace>', 'only of this domain: ORG-APP-DOMAIN')
    .option('--actor <actor>', 'only those that this actor holds')
    .addHelpText(
      'after',
      '\n* after an actor: in some schemas only; (ended): the grant has expired.\n',
    )
    .addHelpText('after', example('velocity role list -n acme-travel-flights --actor alice'))
    .action(async (options: { namespace?: string; actor?: string }, command: Command) => {
      const { api, context, output } = await connect(cli, command);
      const namespace = options.namespace ?? context.namespace;
      const { data } = await api.get<Envelope<RoleView[]>>('/api/platform/roles', { namespace });
      const { actor } = options;
      const roles =
        actor === undefined
          ? data
          : data
              .map((role) => ({
                ...role,
                holders: role.holders.filter((holder) => holder.actor === actor),
              }))
              .filter(({ holders }) => holders.length > 0);
      printData(cli, output, roles, () => ({
        head: ['NAMESPACE', 'ROLE', 'IS', 'MAY', 'HELD BY'],
        rows: roles.map((role) => [
          role.namespace,
          role.role,
          cell(role.is?.join(',')),
          cell(role.grants.map(grantText).join(' ')),
          cell(role.holders.map(holderText).join(', ')),
        ]),
        empty: actor === undefined ? 'there is no role' : `${actor} holds no role`,
      }));
    });
}

function grantText({ schema, version, operations }: RoleView['grants'][number]): string {
  return `${schema}/${version}:${operations.join(',')}`;
}

function holderText({ actor, scopes, expiresAt, expired }: RoleView['holders'][number]): string {
  const until = expiresAt === undefined ? '' : ` until ${expiresAt}`;
  return `${actor}${scopes === undefined ? '' : '*'}${expired === true ? ' (ended)' : until}`;
}
