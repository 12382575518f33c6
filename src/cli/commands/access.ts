import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { example } from '../help.ts';
import { accessMatrixCommand } from './access-matrix.ts';

export function accessCommand(cli: Cli): Command {
  return new Command('access')
    .description('what roles may do')
    .addCommand(accessMatrixCommand(cli))
    .addHelpText('after', example('velocity access matrix order'));
}
