import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { example } from '../help.ts';
import { authRestoreCommand } from './auth-restore.ts';
import { authRevocationsCommand } from './auth-revocations.ts';
import { authRevokeCommand } from './auth-revoke.ts';

export function authCommand(cli: Cli): Command {
  return new Command('auth')
    .description('end what somebody signed in with')
    .addCommand(authRevokeCommand(cli))
    .addCommand(authRestoreCommand(cli))
    .addCommand(authRevocationsCommand(cli))
    .addHelpText('after', example('velocity auth revoke actor alice'));
}
