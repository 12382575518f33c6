import type { Configuration } from 'openid-client';
import type { SignIn } from '../contexts.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandFailure, usageFailure } from '../failures.ts';

/** An issuer that takes longer to answer is as good as away; seconds. */
const answerTimeout = 15;

/** Of this machine alone an issuer may speak plain HTTP: nobody is in between. */
const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * What the issuer says of itself, for a client without a secret. openid-client is loaded with the
 * first use: most commands never need it.
 */
export async function discoverIssuer({ issuer, clientId }: SignIn): Promise<Configuration> {
  const { None, allowInsecureRequests, discovery, enableNonRepudiationChecks } = await import(
    'openid-client'
  );
  const url = checkIssuer(issuer);
  const insecure = url.protocol === 'http:' ? [allowInsecureRequests] : [];
  try {
    return await discovery(url, clientId, undefined, None(), {
      execute: [enableNonRepudiationChecks, ...insecure],
      timeout: answerTimeout,
    });
  } catch (error) {
    throw issuerFailure(issuer, error);
  }
}

export function checkIssuer(issuer: string): URL {
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined;
  if (url?.protocol === 'https:') return url;
  if (url?.protocol === 'http:' && loopback.test(url.hostname)) return url;
  throw usageFailure(
    `"${issuer}" is not an https address`,
    'Plain http is for issuers on this machine alone.',
  );
}

/** What went wrong at the issuer, in its own words where it has some. */
export function issuerFailure(issuer: string, error: unknown): CommandFailure {
  const refusal = refusalOf(error);
  if (refusal !== undefined) {
    const { code, description } = refusal;
    return new CommandFailure(`${issuer} refused: ${description ?? code}`, {
      exitCode: exitCodes.denied,
      cause: error,
    });
  }
  const chain = error instanceof Error ? [error.message, causeOf(error)] : [String(error)];
  return new CommandFailure(`${issuer}: ${chain.filter(Boolean).join(': ')}`, {
    exitCode: exitCodes.unavailable,
    hint: 'Check the address: it is the value of "iss" in the issuer’s tokens.',
    cause: error,
  });
}

/** An error answer of OAuth (RFC 6749, 5.2); undefined when the issuer did not answer so. */
export function refusalOf(
  error: unknown,
): { readonly code: string; readonly description: string | undefined } | undefined {
  if (!(error instanceof Error) || !('error' in error)) return undefined;
  const { error: code, error_description: text } = error as Error & Record<string, unknown>;
  if (typeof code !== 'string') return undefined;
  return { code: plain(code), description: typeof text === 'string' ? plain(text) : undefined };
}

const textLengthMax = 300;

/** A stranger's text must not steer the terminal. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, textLengthMax);
}

function causeOf({ cause }: Error): string {
  return cause instanceof Error ? plain(cause.message) : '';
}
