import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { example } from '../help.ts';
import { recordCreateCommand } from './record-create.ts';
import { recordDeleteCommand } from './record-delete.ts';
import { recordGetCommand } from './record-get.ts';
import { recordUpdateCommand } from './record-update.ts';

export function recordCommand(cli: Cli): Command {
  return new Command('record')
    .description('create, get, update or delete one record')
    .addCommand(recordCreateCommand(cli))
    .addCommand(recordGetCommand(cli))
    .addCommand(recordUpdateCommand(cli))
    .addCommand(recordDeleteCommand(cli))
    .addHelpText(
      'after',
      example('velocity record create airport iata=AUS name="Austin-Bergstrom"'),
    );
}
