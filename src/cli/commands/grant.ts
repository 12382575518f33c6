import { createHash } from 'node:crypto';
import { Command } from 'commander';
import { apiVersion } from '../../contract/names.ts';
import { durationDays } from '../../schema/duration.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { usageFailure } from '../failures.ts';
import { example } from '../help.ts';
import { requireNamespace } from '../namespace-option.ts';
import { collect, collectNames } from '../option-values.ts';
import { printData } from '../output.ts';
import { tableOfResources } from '../resource-table.ts';
import { applyResources } from '../resources-api.ts';
import type { Scope, ScopeOptions } from '../scope-options.ts';
import { scopeOf } from '../scope-options.ts';
import { effectTimeoutMs, waitUntilReady } from '../wait-until-ready.ts';

interface GrantOptions extends ScopeOptions {
  readonly namespace?: string;
  readonly expires?: string;
  readonly name?: string;
}

export function grantCommand(cli: Cli): Command {
  return new Command('grant')
    .description('give an actor roles in a domain (writes a RoleBinding)')
    .argument('<actor>', 'the actor id of keys or tokens')
    .argument('<role...>', 'roles that schemas of the domain name')
    .option('-n, --namespace <namespace>', 'the domain: ORG-APP-DOMAIN')
    .option('--expires <time>', 'when it ends: 2027-01-31T00:00:00Z, or from now on: 8h, 30d')
    .option('--schema <schema>', 'only for this schema (* for all)')
    .option('--schema-version <version>', 'only for this version of it: v2')
    .option('--operations <operations>', 'only these: read,create', collectNames)
    .option('--attribute <name=value>', 'what row filters look at: region=EU (repeatable)', collect)
    .option('--name <name>', 'of the RoleBinding; made of actor and roles without it')
    .addHelpText(
      'after',
      example(
        'velocity grant alice buyer -n acme-erp-procurement --attribute region=EU',
        'velocity grant bob controller -n acme-erp-procurement --schema order --expires 8h',
      ),
    )
    .action(async (actor: string, roles: string[], options: GrantOptions, command: Command) => {
      const { api, context, output } = await connect(cli, command);
      const namespace = requireNamespace(options.namespace, context);
      const scope = scopeOf(options);
      const spec = {
        actorId: actor,
        roles,
        ...(scope === undefined ? {} : { scopes: [scope] }),
        ...(options.expires === undefined ? {} : { expiresAt: expiry(options.expires, cli.now()) }),
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

const msPerDay = 86_400_000;

function expiry(text: string, nowMs: number): string {
  const days = durationDays(text);
  const time = days === undefined ? Date.parse(text) : nowMs + days * msPerDay;
  if (time <= dateMsMax) return new Date(time).toISOString();
  throw usageFailure(`"${text}" is not a time`, 'RFC 3339: 2027-01-31T00:00:00Z, or 8h, 30d');
}

/** RFC 3339 writes years with four digits. */
const dateMsMax = Date.parse('9999-12-31T23:59:59Z');

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
