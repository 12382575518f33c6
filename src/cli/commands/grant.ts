import { createHash } from 'node:crypto';
import { Command } from 'commander';
import { apiVersion } from '../../contract/names.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { usageFailure } from '../failures.ts';
import { example } from '../help.ts';
import { requireNamespace } from '../namespace-option.ts';
import { collect, collectNames, splitAssignment } from '../option-values.ts';
import { printData } from '../output.ts';
import { tableOfResources } from '../resource-table.ts';
import { applyResources } from '../resources-api.ts';
import { effectTimeoutMs, waitUntilReady } from '../wait-until-ready.ts';

interface GrantOptions {
  readonly namespace?: string;
  readonly expires?: string;
  readonly schema?: string;
  readonly operations?: string[];
  readonly attribute?: string[];
  readonly name?: string;
}

export function grantCommand(cli: Cli): Command {
  return new Command('grant')
    .description('give an actor roles in a domain (writes a RoleBinding)')
    .argument('<actor>', 'the actor id of keys or tokens')
    .argument('<role...>', 'roles that schemas of the domain name')
    .option('-n, --namespace <namespace>', 'the domain: ORG-APP-DOMAIN')
    .option('--expires <time>', 'RFC 3339: 2027-01-31T00:00:00Z')
    .option('--schema <schema>', 'only for this schema (* for all)')
    .option('--operations <operations>', 'only these: read,create', collectNames)
    .option('--attribute <name=value>', 'what row filters look at: region=EU (repeatable)', collect)
    .option('--name <name>', 'of the RoleBinding; made of actor and roles without it')
    .addHelpText(
      'after',
      example('velocity grant alice buyer -n acme-erp-procurement --attribute region=EU'),
    )
    .action(async (actor: string, roles: string[], options: GrantOptions, command: Command) => {
      const { api, context, output } = await connect(cli, command);
      const namespace = requireNamespace(options.namespace, context);
      const scope = scopeOf(options);
      const spec = {
        actorId: actor,
        roles,
        ...(scope === undefined ? {} : { scopes: [scope] }),
        ...(options.expires === undefined ? {} : { expiresAt: expiry(options.expires) }),
      };
      const name = options.name ?? bindingName(actor, roles, scope);
      const metadata = { name, namespace };
      const [applied] = await applyResources(api, [
        { apiVersion, kind: 'RoleBinding', metadata, spec },
      ]);
      // A role counts from when the platform has acted, so that is what the command waits for.
      const [binding] = await waitUntilReady(cli, api, [applied!.resource], effectTimeoutMs);
      printData(cli, output, binding, () => tableOfResources('RoleBinding', [binding!], cli.now()));
    });
}

interface Scope {
  readonly schema: string;
  readonly operations?: readonly string[];
  readonly attributes?: Readonly<Record<string, unknown>>;
}

function scopeOf({ schema, operations, attribute }: GrantOptions): Scope | undefined {
  if (schema === undefined && operations === undefined && attribute === undefined) return undefined;
  const attributes = (attribute ?? []).map((text) => splitAssignment(text, 'name=value'));
  return {
    schema: schema ?? '*',
    ...(operations === undefined ? {} : { operations }),
    ...(attributes.length === 0 ? {} : { attributes: Object.fromEntries(attributes) }),
  };
}

function expiry(text: string): string {
  const time = Date.parse(text);
  if (Number.isNaN(time))
    throw usageFailure(`"${text}" is not a time`, 'RFC 3339: 2027-01-31T00:00:00Z');
  return new Date(time).toISOString();
}

const nameLengthMax = 50;

/** The same grant again is the same resource; another scope is another one. */
function bindingName(actor: string, roles: readonly string[], scope: Scope | undefined): string {
  const identity = JSON.stringify([actor, roles.toSorted(), scope]);
  const hash = createHash('sha256').update(identity).digest('hex').slice(0, 6);
  const readable = `${actor}-${roles.toSorted().join('-')}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '')
    .slice(0, nameLengthMax);
  return `${readable || 'grant'}-${hash}`;
}
