import { Command } from 'commander';
import type { Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { example } from '../help.ts';
import { printData, renderTable } from '../output.ts';
import type { Scope } from '../scope-options.ts';

interface CallerView {
  readonly organisation: string;
  readonly actor: string;
  readonly actorType: string;
  readonly email?: string;
  readonly strategy: string;
  readonly credential: string;
  readonly key?: { readonly namespace: string; readonly name: string };
  readonly issuer?: string;
  readonly expiresAt?: string;
  readonly platformAdmin?: boolean;
  readonly bindings: readonly {
    readonly namespace: string;
    readonly roles: readonly string[];
    readonly scopes?: readonly Scope[];
    readonly expiresAt?: string;
  }[];
  readonly tokenRoles?: readonly string[];
  readonly scopes?: readonly Scope[];
  readonly administers: { readonly organisation: boolean; readonly domains: readonly string[] };
}

export function whoamiCommand(cli: Cli): Command {
  return new Command('whoami')
    .description('who the API takes you for, with which roles, and until when')
    .addHelpText('after', example('velocity whoami', 'velocity whoami -o json | jq .bindings'))
    .action(async (_: unknown, command: Command) => {
      const { api, output } = await connect(cli, command);
      const { data } = await api.get<Envelope<CallerView>>('/auth/me');
      printData(cli, output, data, () => show(cli, data));
    });
}

function show(cli: Cli, me: CallerView): string {
  const { administers, key } = me;
  const credential = [me.credential, key && `${key.namespace}/${key.name}`, me.issuer];
  const facts: [string, string | undefined][] = [
    ['Actor', `${me.actor} (${me.actorType})`],
    ['Email', me.email],
    ['Organisation', me.organisation],
    ['Strategy', me.strategy],
    ['Credential', credential.filter(Boolean).join(' ')],
    ['Until', me.expiresAt ?? 'revoked'],
    ['Scopes', me.scopes?.map(scopeText).join('; ')],
    ['Token roles', me.tokenRoles?.join(', ')],
    [
      'Administers',
      me.platformAdmin === true
        ? 'everything'
        : administers.organisation
          ? `the organisation ${me.organisation}`
          : administers.domains.join(', ') || undefined,
    ],
  ];
  const lines = facts
    .filter((fact): fact is [string, string] => fact[1] !== undefined)
    .map(([title, value]) => `${`${title}:`.padEnd(14)}${value}`);
  const table = renderTable(cli, {
    head: ['NAMESPACE', 'ROLES', 'SCOPES', 'UNTIL'],
    rows: me.bindings.map(({ namespace, roles, scopes, expiresAt }) => [
      namespace,
      roles.join(','),
      scopes?.map(scopeText).join('; ') ?? 'all',
      expiresAt ?? 'revoked',
    ]),
    empty: 'No role is bound to this actor.',
  });
  return [...lines, '', table].join('\n');
}

/** `order/v1 read,create region=EU fields=id,total` */
function scopeText({ schema, version, operations, attributes, fields }: Scope): string {
  const parts = [
    version === undefined ? schema : `${schema}/${version}`,
    operations?.join(','),
    ...Object.entries(attributes ?? {}).map(([name, value]) => `${name}=${valueText(value)}`),
    fields?.read && `reads=${fields.read.join(',')}`,
    fields?.write && `writes=${fields.write.join(',')}`,
  ];
  return parts.filter(Boolean).join(' ');
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.map(String).join(',');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
