import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { remark } from '../cli.ts';
import type { GlobalOptions } from '../connect.ts';
import { connect, outputOf } from '../connect.ts';
import type { SignIn } from '../contexts.ts';
import { contextFilePath, readContextFile, writeContextFile } from '../contexts.ts';
import { CommandFailure, usageFailure } from '../failures.ts';
import { example } from '../help.ts';
import { printData } from '../output.ts';
import { withSignIn } from '../sign-in/access-token.ts';
import { chosenContext } from '../sign-in/chosen-context.ts';
import { signInByDevice } from '../sign-in/device-flow.ts';
import { withFileLock } from '../sign-in/file-lock.ts';
import { checkIssuer } from '../sign-in/issuer.ts';

interface LoginOptions {
  readonly issuer?: string;
  readonly clientId?: string;
  readonly scope?: string;
  readonly resource?: string;
}

/** `offline_access` is what a refresh token is asked for by. */
const scopeDefault = 'openid email offline_access';

export function authLoginCommand(cli: Cli): Command {
  return new Command('login')
    .description('sign in with a browser on any machine; this one needs none')
    .option('--issuer <url>', 'the OpenID provider')
    .option(
      '--client-id <id>',
      'what this program is called there: a public client, device flow on',
    )
    .option('--scope <scopes>', `what is asked for (default: "${scopeDefault}")`)
    .option('--resource <uri>', 'the API that the token is for, where the provider wants to know')
    .addHelpText(
      'after',
      '\nThe options are kept with the context: later `velocity auth login` is enough. The tokens are in\nthe file of contexts, readable by you alone, and are renewed when they expire.\n',
    )
    .addHelpText(
      'after',
      example(
        'velocity auth login --issuer https://id.example.com --client-id velocity-cli',
        'velocity auth login',
      ),
    )
    .action(async (options: LoginOptions, command: Command) => {
      const path = contextFilePath(cli.config);
      const { name, context } = await chosenContext(cli, command.optsWithGlobals<GlobalOptions>());
      const wanted = wantedSignIn(options, context.signIn);
      const { tokens, who } = await signInByDevice(cli, wanted);
      await withFileLock(path, async () => {
        const file = await readContextFile(path);
        if (file.contexts[name] === undefined) {
          throw new CommandFailure(`the context "${name}" was removed meanwhile`);
        }
        await writeContextFile(path, withSignIn(file, name, { ...wanted, tokens }));
      });
      const { issuer } = wanted;
      printData(
        cli,
        outputOf(command),
        { context: name, issuer, ...(who !== undefined && { who }) },
        () => `${name}: signed in at ${issuer}${who === undefined ? '' : ` as ${who}`}`,
      );
      await tellWhatApiSays(cli, command);
    });
}

/** The sign-in holds in any case: an API may learn of the issuer later. */
async function tellWhatApiSays(cli: Cli, command: Command): Promise<void> {
  const { api } = await connect(cli, command);
  await api.get('/auth/me').catch((error: unknown) => {
    if (!(error instanceof CommandFailure)) throw error;
    remark(cli, `${api.url} does not accept it: ${error.message}`);
  });
}

function wantedSignIn(options: LoginOptions, before: SignIn | undefined): SignIn {
  const issuer = options.issuer ?? before?.issuer;
  const clientId = options.clientId ?? before?.clientId;
  if (issuer === undefined || clientId === undefined) {
    throw usageFailure(
      'this context has never been signed in',
      'Give --issuer and --client-id once; they are kept.',
    );
  }
  checkIssuer(issuer);
  const resource = options.resource ?? before?.resource;
  return {
    ...{ issuer, clientId, scope: options.scope ?? before?.scope ?? scopeDefault },
    ...(resource !== undefined && { resource }),
  };
}
