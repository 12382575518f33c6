import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { example } from '../help.ts';
import { schemaFreezeCommand, schemaUnfreezeCommand } from './freeze-schema.ts';
import { schemaDiffCommand } from './schema-diff.ts';
import { schemaPromoteCommand } from './schema-promote.ts';
import { schemaRetireCommand } from './schema-retire.ts';
import { schemaValidateCommand } from './schema-validate.ts';

export function schemaCommand(cli: Cli): Command {
  return new Command('schema')
    .description('check schemas before anyone applies them, and move from one version to the next')
    .addCommand(schemaValidateCommand(cli))
    .addCommand(schemaDiffCommand(cli))
    .addCommand(schemaFreezeCommand(cli))
    .addCommand(schemaUnfreezeCommand(cli))
    .addCommand(schemaPromoteCommand(cli))
    .addCommand(schemaRetireCommand(cli))
    .addHelpText('after', example('velocity schema validate samples/flights'));
}
