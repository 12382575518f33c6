import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { example } from '../help.ts';
import { apiKeyCreateCommand } from './api-key-create.ts';
import { apiKeyListCommand } from './api-key-list.ts';
import { apiKeyRevokeCommand } from './api-key-revoke.ts';
import { apiKeyRotateCommand } from './api-key-rotate.ts';

export function apiKeyCommand(cli: Cli): Command {
  return new Command('api-key')
    .description('create, list, rotate or revoke API keys')
    .addCommand(apiKeyCreateCommand(cli))
    .addCommand(apiKeyListCommand(cli))
    .addCommand(apiKeyRotateCommand(cli))
    .addCommand(apiKeyRevokeCommand(cli))
    .addHelpText(
      'after',
      example('velocity api-key create loader -n acme-travel-flights --actor loader'),
    );
}
