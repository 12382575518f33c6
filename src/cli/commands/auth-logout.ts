import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { remark } from '../cli.ts';
import type { GlobalOptions } from '../connect.ts';
import { outputOf } from '../connect.ts';
import type { SignIn } from '../contexts.ts';
import { contextFilePath, readContextFile, writeContextFile } from '../contexts.ts';
import { CommandFailure } from '../failures.ts';
import { example } from '../help.ts';
import { printData } from '../output.ts';
import { withSignIn } from '../sign-in/access-token.ts';
import { chosenContext } from '../sign-in/chosen-context.ts';
import { withFileLock } from '../sign-in/file-lock.ts';
import { discoverIssuer, issuerFailure } from '../sign-in/issuer.ts';

export function authLogoutCommand(cli: Cli): Command {
  return new Command('logout')
    .description('forget the tokens, and have the issuer revoke them')
    .addHelpText('after', example('velocity auth logout'))
    .action(async (_: unknown, command: Command) => {
      const path = contextFilePath(cli.config);
      const { name } = await chosenContext(cli, command.optsWithGlobals<GlobalOptions>());
      const signIn = await withFileLock(path, async () => {
        const file = await readContextFile(path);
        const before = file.contexts[name]?.signIn;
        if (before?.tokens === undefined) return undefined;
        const { tokens: _forgotten, ...kept } = before;
        await writeContextFile(path, withSignIn(file, name, kept));
        return before;
      });
      if (signIn !== undefined) await revoke(cli, signIn);
      const signedOut = { context: name, signedOut: signIn !== undefined };
      printData(cli, outputOf(command), signedOut, () =>
        signIn === undefined ? `${name}: nobody was signed in` : `${name}: signed out`,
      );
    });
}

/** The refresh token takes its access tokens with it. What is forgotten here stays so either way. */
async function revoke(cli: Cli, signIn: SignIn): Promise<void> {
  const token = signIn.tokens?.refreshToken ?? signIn.tokens?.accessToken;
  if (token === undefined) return;
  try {
    const config = await discoverIssuer(signIn);
    if (config.serverMetadata().revocation_endpoint === undefined) {
      return remark(cli, `${signIn.issuer} revokes nothing: the token lives on until it expires.`);
    }
    const { tokenRevocation } = await import('openid-client');
    await tokenRevocation(config, token).catch((error: unknown) => {
      throw issuerFailure(signIn.issuer, error);
    });
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    remark(cli, `not revoked there, and so good until it expires: ${error.message}`);
  }
}
