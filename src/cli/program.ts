import { Command, Option } from 'commander';
import type { Cli } from './cli.ts';
import { accessCommand } from './commands/access.ts';
import { apiKeyCommand } from './commands/api-key.ts';
import { applyCommand } from './commands/apply.ts';
import { authCommand } from './commands/auth.ts';
import { completionCommand } from './commands/completion.ts';
import { contextCommand } from './commands/context.ts';
import { approveCommand, rejectCommand } from './commands/decide-plan.ts';
import { deleteCommand } from './commands/delete.ts';
import { describeCommand } from './commands/describe.ts';
import { driftCommand } from './commands/drift.ts';
import { explainCommand } from './commands/explain.ts';
import { getCommand } from './commands/get.ts';
import { grantCommand } from './commands/grant.ts';
import { loadCommand } from './commands/load.ts';
import { queryCommand } from './commands/query.ts';
import { reconcileCommand } from './commands/reconcile.ts';
import { recordCommand } from './commands/record.ts';
import { revokeCommand } from './commands/revoke.ts';
import { roleCommand } from './commands/role.ts';
import { schemaCommand } from './commands/schema.ts';
import { secretCommand } from './commands/secret.ts';
import { statusCommand } from './commands/status.ts';
import { versionCommand } from './commands/version.ts';
import { whoamiCommand } from './commands/whoami.ts';
import { example } from './help.ts';
import { outputFormats } from './output.ts';
import { processCommands } from './process-commands.ts';

const exitCodeHelp = `
Exit codes: 0 done · 1 failed or refused · 2 wrong usage · 3 not found · 4 denied (401, 403)
            5 conflict (409, 412, 428) · 6 unavailable (503, no connection) · 130 interrupted
Environment: VELOCITY_CONTEXT, VELOCITY_API_URL, VELOCITY_API_KEY, NO_COLOR, VELOCITY_DEBUG`;

const readResources = 'Resources:';
const workWithRecords = 'Records:';
const control = 'Access:';
const run = 'Run Velocity:';
const other = 'This program:';

/** The whole tree of commands; parsing it runs one. */
export function buildProgram(cli: Cli): Command {
  const program = new Command('velocity')
    .description(
      'Turns declarative resources into running backends, and works with what they serve.',
    )
    .usage('COMMAND [options]')
    .commandsGroup(other)
    .helpCommand('help [command]', 'help for a command')
    .addOption(
      new Option('-o, --output <format>', 'how to print').choices(outputFormats).default('table'),
    )
    .option('--context <name>', 'a context of `velocity context list`')
    .option('--url <url>', 'address of the API')
    .option('--api-key <key>', 'better kept in a context or in VELOCITY_API_KEY')
    .addHelpText('after', exitCodeHelp)
    .addHelpText(
      'after',
      example(
        'velocity dev samples/flights',
        'velocity status',
        'velocity query airport -f state=TX',
      ),
    );
  const add = (heading: string, ...commands: Command[]) => {
    for (const command of commands) program.addCommand(command.helpGroup(heading));
  };
  const started = processCommands();
  add(run, ...started);
  add(
    readResources,
    applyCommand(cli),
    getCommand(cli),
    describeCommand(cli),
    deleteCommand(cli),
    schemaCommand(cli),
    approveCommand(cli),
    rejectCommand(cli),
    driftCommand(cli),
    reconcileCommand(cli),
    statusCommand(cli),
  );
  add(workWithRecords, queryCommand(cli), recordCommand(cli), loadCommand(cli));
  add(
    control,
    whoamiCommand(cli),
    authCommand(cli),
    roleCommand(cli),
    grantCommand(cli),
    revokeCommand(cli),
    apiKeyCommand(cli),
    secretCommand(cli),
    accessCommand(cli),
    explainCommand(cli),
  );
  add(
    other,
    contextCommand(cli),
    versionCommand(cli),
    completionCommand(cli, () => program),
  );
  for (const command of allCommands(program)) {
    command.helpOption('-h, --help', 'help for this command').configureHelp({
      showGlobalOptions: !started.includes(command),
      subcommandTerm: (subcommand) => subcommand.name(),
    });
  }
  return program;
}

export function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}
