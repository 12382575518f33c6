import { Argument, Command } from 'commander';
import type { Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { usageFailure } from '../failures.ts';
import { example } from '../help.ts';
import { printData } from '../output.ts';
import { locateResource } from '../resources-api.ts';
import { revocationsPath } from '../revocations-api.ts';

interface RevokeOptions {
  readonly reason?: string;
  readonly until?: string;
  readonly organisation?: string;
}

interface RevokedView {
  readonly kind: string;
  readonly id: string;
  readonly endsAt: string | null;
}

export function authRevokeCommand(cli: Cli): Command {
  return new Command('revoke')
    .description('refuse an actor, a token, a session or a key from now on, in every replica')
    .addArgument(new Argument('<kind>').choices(['actor', 'token', 'session', 'key']))
    .argument('<id>', 'the actor, the token’s jti, the session’s id, NAMESPACE/NAME of the key')
    .option('--reason <text>', 'for the audit')
    .option('--until <time>', 'RFC 3339; without it until it would have ended by itself')
    .option('--organisation <name>', 'another than your own: for the platform’s administrator')
    .addHelpText(
      'after',
      example(
        'velocity auth revoke actor alice --reason "left the company"',
        'velocity auth revoke token 0b6f1c1e --until 2027-01-31T00:00:00Z',
      ),
    )
    .action(async (kind: string, id: string, options: RevokeOptions, command: Command) => {
      const { api, output } = await connect(cli, command);
      if (kind === 'key') {
        const [namespace, name, ...rest] = id.includes('/') ? id.split('/') : [undefined, id];
        if (!name || rest.length > 0) throw usageFailure(`"${id}" is not a key`, 'NAMESPACE/NAME');
        const { metadata } = await locateResource(api, 'ApiKey', name, namespace);
        const path = [metadata.namespace, name].map(encodeURIComponent).join('/');
        await api.send('DELETE', `/api/platform/api-keys/${path}`);
        const revoked = { kind, id: `${metadata.namespace}/${name}` };
        printData(cli, output, revoked, () => `key ${revoked.id} revoked`);
        return;
      }
      const { until, reason, organisation } = options;
      const answer = await api.send<Envelope<RevokedView>>('POST', revocationsPath, {
        body: {
          ...{ kind, id },
          ...(reason !== undefined && { reason }),
          ...(until !== undefined && { endsAt: until }),
          ...(organisation !== undefined && { organisation }),
        },
      });
      const { data } = answer.body;
      const end = data.endsAt === null ? 'until it is restored' : `until ${data.endsAt}`;
      printData(cli, output, data, () => `${kind} ${id} revoked ${end}`);
    });
}
