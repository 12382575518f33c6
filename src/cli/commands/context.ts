import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { example } from '../help.ts';
import { contextListCommand } from './context-list.ts';
import { contextSetCommand } from './context-set.ts';
import { contextShowCommand } from './context-show.ts';
import { contextUseCommand } from './context-use.ts';

export function contextCommand(cli: Cli): Command {
  return new Command('context')
    .description('which API to talk to, and as whom')
    .addCommand(contextListCommand(cli))
    .addCommand(contextUseCommand(cli))
    .addCommand(contextSetCommand(cli))
    .addCommand(contextShowCommand(cli))
    .addHelpText(
      'after',
      `
Without a current context the .velocity/dev.json of a running \`velocity dev\` is used, in this
folder or the nearest one above; \`velocity context use dev\` chooses it although another is current.
VELOCITY_CONTEXT, VELOCITY_API_URL and VELOCITY_API_KEY override it, and flags override those.
`,
    )
    .addHelpText(
      'after',
      example('velocity context set staging --url https://velocity.example --api-key -'),
    );
}
