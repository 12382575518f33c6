import { Command } from 'commander';
import type { Envelope } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import type { GlobalOptions } from '../connect.ts';
import { connect } from '../connect.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandFailure } from '../failures.ts';
import { example } from '../help.ts';
import { cell, printData } from '../output.ts';

/** The answer of `GET /auth/me`, as far as people read it. */
interface Me {
  readonly actor: string;
  readonly organisation: string;
  readonly strategy: string;
  readonly roles?: readonly string[];
}

export function authStatusCommand(cli: Cli): Command {
  return new Command('status')
    .description('who commands here act as, and what the API says to it')
    .addHelpText('after', '\nEnds with 4 where the API does not accept who it is.\n')
    .addHelpText('after', example('velocity auth status'))
    .action(async (_: unknown, command: Command) => {
      const { api, context, output } = await connect(cli, command);
      const { apiKey: flag } = command.optsWithGlobals<GlobalOptions>();
      const key = flag ?? cli.config.apiKey;
      const signIn = key === undefined ? context.signIn : undefined;
      const tokens = signIn?.tokens;
      const answer = await api.get<Envelope<Me>>('/auth/me').catch((error: unknown) => {
        if (error instanceof CommandFailure) return error;
        throw error;
      });
      const refused = answer instanceof CommandFailure;
      const me = refused ? undefined : answer.data;
      const shown = {
        context: context.name,
        url: context.url,
        by: tokens !== undefined ? 'sign-in' : (context.apiKey && 'api-key') || 'nothing',
        issuer: tokens === undefined ? undefined : signIn?.issuer,
        renews: tokens === undefined ? undefined : tokens.refreshToken !== undefined,
        accepted: !refused,
        actor: me?.actor,
        organisation: me?.organisation,
        strategy: me?.strategy,
        roles: me?.roles,
        problem: refused ? answer.message : undefined,
      };
      printData(cli, output, shown, () => ({
        head: ['FIELD', 'VALUE'],
        rows: Object.entries(shown)
          .filter(([, value]) => value !== undefined)
          .map(([field, value]) => [field, cell(value)]),
      }));
      if (refused) cli.exitCode = answer.exitCode === 0 ? exitCodes.failure : answer.exitCode;
    });
}
