import { Command } from 'commander';
import type { Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { connect } from '../connect.ts';
import { example } from '../help.ts';
import { printData } from '../output.ts';
import { revocationsPath } from '../revocations-api.ts';

interface RevocationView {
  readonly kind: string;
  readonly id: string;
  readonly endsAt: string | null;
  readonly revokedBy: string;
  readonly revokedAt: string;
  readonly reason: string | null;
}

export function authRevocationsCommand(cli: Cli): Command {
  return new Command('revocations')
    .description('who and what is refused at present, the newest first')
    .option('--organisation <name>', 'another than your own: for the platform’s administrator')
    .addHelpText('after', example('velocity auth revocations'))
    .action(async (options: { organisation?: string }, command: Command) => {
      const { api, output } = await connect(cli, command);
      const { data } = await api.get<Envelope<RevocationView[]>>(revocationsPath, {
        organisation: options.organisation,
      });
      printData(cli, output, data, () => ({
        head: ['KIND', 'ID', 'UNTIL', 'BY', 'AT', 'REASON'],
        rows: data.map(({ kind, id, endsAt, revokedBy, revokedAt, reason }) => [
          kind,
          id,
          endsAt ?? 'restored',
          revokedBy,
          revokedAt,
          reason ?? '-',
        ]),
        empty: 'nothing is revoked',
      }));
    });
}
