import type { AccessToken } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import type { ContextFile, FoundContext, SignIn, SignInTokens } from '../contexts.ts';
import { contextFilePath, readContextFile, writeContextFile } from '../contexts.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandFailure } from '../failures.ts';
import { withFileLock } from './file-lock.ts';
import { discoverIssuer, issuerFailure, refusalOf } from './issuer.ts';
import { isFresh, tokensOf } from './tokens.ts';

/** The access token of whoever is signed in, refreshed when it has expired; undefined for nobody. */
export function accessTokenOf(cli: Cli, context: FoundContext): AccessToken | undefined {
  let tokens = context.signIn?.tokens;
  if (tokens === undefined) return undefined;
  let refreshing: Promise<SignInTokens> | undefined;
  return async () => {
    if (tokens === undefined || !isFresh(tokens, cli.now())) {
      // Requests beside each other share one refresh.
      refreshing ??= refresh(cli, context.name).finally(() => {
        refreshing = undefined;
      });
      tokens = await refreshing;
    }
    return tokens.accessToken;
  };
}

/**
 * Two processes that refresh at once would show the same refresh token twice, which an issuer takes
 * for theft: one at a time, and who comes second finds what the first was given.
 */
function refresh(cli: Cli, name: string): Promise<SignInTokens> {
  const path = contextFilePath(cli.config);
  return withFileLock(path, async () => {
    const file = await readContextFile(path);
    const signIn = file.contexts[name]?.signIn;
    if (signIn?.tokens === undefined) throw signedOut(name);
    if (isFresh(signIn.tokens, cli.now())) return signIn.tokens;
    const tokens = await askIssuer(cli, signIn, signIn.tokens);
    await writeContextFile(path, withSignIn(file, name, { ...signIn, tokens }));
    return tokens;
  });
}

async function askIssuer(cli: Cli, signIn: SignIn, before: SignInTokens): Promise<SignInTokens> {
  if (before.refreshToken === undefined) {
    throw over('the sign-in has expired, and the issuer gave nothing to renew it with');
  }
  const config = await discoverIssuer(signIn);
  const { refreshTokenGrant } = await import('openid-client');
  const { resource } = signIn;
  const parameters = resource === undefined ? {} : { resource };
  const answer = await refreshTokenGrant(config, before.refreshToken, parameters).catch(
    (error: unknown) => {
      if (refusalOf(error)?.code === 'invalid_grant') throw over('the sign-in is over', error);
      throw issuerFailure(signIn.issuer, error);
    },
  );
  return tokensOf(answer, cli.now(), before);
}

/** The file with another sign-in of one of its contexts, or with none. */
export function withSignIn(
  file: ContextFile,
  name: string,
  signIn: SignIn | undefined,
): ContextFile {
  const { signIn: _before, ...context } = file.contexts[name] ?? { url: '' };
  const changed = { ...context, ...(signIn !== undefined && { signIn }) };
  return { ...file, contexts: { ...file.contexts, [name]: changed } };
}

function signedOut(name: string): CommandFailure {
  return over(`nobody is signed in to "${name}" any more`);
}

function over(message: string, cause?: unknown): CommandFailure {
  return new CommandFailure(message, {
    exitCode: exitCodes.denied,
    hint: 'Run `velocity auth login`.',
    cause,
  });
}
