import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { example } from '../help.ts';
import { authLoginCommand } from './auth-login.ts';
import { authLogoutCommand } from './auth-logout.ts';
import { authRestoreCommand } from './auth-restore.ts';
import { authRevocationsCommand } from './auth-revocations.ts';
import { authRevokeCommand } from './auth-revoke.ts';
import { authStatusCommand } from './auth-status.ts';

export function authCommand(cli: Cli): Command {
  return new Command('auth')
    .description('sign in as a person, and end what somebody signed in with')
    .addCommand(authLoginCommand(cli))
    .addCommand(authLogoutCommand(cli))
    .addCommand(authStatusCommand(cli))
    .addCommand(authRevokeCommand(cli))
    .addCommand(authRestoreCommand(cli))
    .addCommand(authRevocationsCommand(cli))
    .addHelpText('after', example('velocity auth login', 'velocity auth revoke actor alice'));
}
