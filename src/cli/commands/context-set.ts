import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { print } from '../cli.ts';
import type { GlobalOptions } from '../connect.ts';
import { checkUrl, contextFilePath, readContextFile, writeContextFile } from '../contexts.ts';
import { usageFailure } from '../failures.ts';
import { example } from '../help.ts';

export function contextSetCommand(cli: Cli): Command {
  return new Command('set')
    .description('add a context, or change what is given of one; the first becomes current')
    .argument('<name>')
    .option('-n, --namespace <namespace>', 'used where a command has no -n')
    .addHelpText(
      'after',
      '\n--url and --api-key say what to keep; `--api-key -` reads the key from standard input, so that it\nstays out of the shell history. The file is readable by you alone.\n',
    )
    .addHelpText(
      'after',
      example('velocity context set staging --url https://velocity.example --api-key - < key'),
    )
    .action(async (name: string, options: { namespace?: string }, command: Command) => {
      const { url, apiKey } = command.optsWithGlobals<GlobalOptions>();
      const path = contextFilePath(cli.config);
      const file = await readContextFile(path);
      const before = file.contexts[name];
      const kept = url === undefined ? before?.url : checkUrl(url);
      if (kept === undefined) throw usageFailure(`the new context "${name}" needs a --url`);
      const key = apiKey === '-' ? (await text(cli.stdin)).trim() : apiKey;
      const context = {
        ...before,
        url: kept,
        ...(key === undefined || key === '' ? {} : { apiKey: key }),
        ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
      };
      const current = file.current ?? name;
      await writeContextFile(path, { current, contexts: { ...file.contexts, [name]: context } });
      print(cli, `${name}: ${kept}${current === name ? ' (current)' : ''}`);
    });
}
