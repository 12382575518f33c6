import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { example } from '../help.ts';
import { schemaFreezeCommand, schemaUnfreezeCommand } from './freeze-schema.ts';
import { schemaDiffCommand } from './schema-diff.ts';
import { schemaValidateCommand } from './schema-validate.ts';

export function schemaCommand(cli: Cli): Command {
  return new Command('schema')
    .description('check schemas and their neighbours before anyone applies them')
    .addCommand(schemaValidateCommand(cli))
    .addCommand(schemaDiffCommand(cli))
    .addCommand(schemaFreezeCommand(cli))
    .addCommand(schemaUnfreezeCommand(cli))
    .addHelpText('after', example('velocity schema validate samples/flights'));
}
