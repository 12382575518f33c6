import { Argument, Command } from 'commander';
import type { Cli } from '../cli.ts';
import { print } from '../cli.ts';
import type { Shell } from '../completion-script.ts';
import { shells, writeCompletion } from '../completion-script.ts';
import { example } from '../help.ts';

export function completionCommand(cli: Cli, program: () => Command): Command {
  return new Command('completion')
    .description('completion for a shell, to be sourced')
    .addArgument(new Argument('<shell>').choices(shells))
    .addHelpText(
      'after',
      example(
        'echo "source <(velocity completion bash)" >> ~/.bashrc',
        'velocity completion zsh > ~/.zfunc/_velocity',
        'velocity completion fish > ~/.config/fish/completions/velocity.fish',
      ),
    )
    .action((shell: Shell) => print(cli, writeCompletion(shell, program())));
}
