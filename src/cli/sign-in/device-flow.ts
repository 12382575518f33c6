import { setTimeout as sleep } from 'node:timers/promises';
import type { Configuration, DeviceAuthorizationResponse } from 'openid-client';
import type { Cli } from '../cli.ts';
import { remark } from '../cli.ts';
import type { SignIn, SignInTokens } from '../contexts.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandFailure } from '../failures.ts';
import { discoverIssuer, issuerFailure, plain, refusalOf } from './issuer.ts';
import { tokensOf } from './tokens.ts';

export interface DeviceSignIn {
  readonly tokens: SignInTokens;
  /** Who it is, as the ID token says; for people to read. */
  readonly who: string | undefined;
}

/**
 * The device flow of RFC 8628: a person signs in with a browser anywhere, with a code that is shown
 * here. Polls as often as the issuer allows, until it answers, the code has expired, or Ctrl-C.
 */
export async function signInByDevice(cli: Cli, signIn: SignIn): Promise<DeviceSignIn> {
  const stop = new AbortController();
  const dispose = cli.onInterrupt(() => stop.abort());
  try {
    const config = await discoverIssuer(signIn);
    const device = await startDevice(config, signIn);
    showCode(cli, device);
    return await poll({ cli, config, device, signIn, stop: stop.signal });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    throw new CommandFailure('interrupted; nobody was signed in', {
      exitCode: exitCodes.interrupted,
      cause: error,
    });
  } finally {
    dispose();
  }
}

async function startDevice(
  config: Configuration,
  { issuer, scope, resource }: SignIn,
): Promise<DeviceAuthorizationResponse> {
  if (config.serverMetadata().device_authorization_endpoint === undefined) {
    throw new CommandFailure(`${issuer} has no device flow`, {
      hint: 'Switch it on for this client at the issuer, or use an API key.',
    });
  }
  const { initiateDeviceAuthorization } = await import('openid-client');
  const parameters = { scope, ...(resource !== undefined && { resource }) };
  return initiateDeviceAuthorization(config, parameters).catch((error: unknown) => {
    throw issuerFailure(issuer, error);
  });
}

/** On the error stream: what a script reads is only the outcome. */
function showCode(cli: Cli, device: DeviceAuthorizationResponse): void {
  const complete = device.verification_uri_complete;
  remark(cli, `Open ${plain(device.verification_uri)} in a browser on any machine`);
  remark(cli, `and enter the code  ${plain(device.user_code)}`);
  if (complete !== undefined) remark(cli, `or open ${plain(complete)}`);
  const minutes = Math.max(1, Math.round(device.expires_in / 60));
  remark(cli, `The code is good for ${minutes} min; waiting (Ctrl-C stops) …`);
}

interface Polling {
  readonly cli: Cli;
  readonly config: Configuration;
  readonly device: DeviceAuthorizationResponse;
  readonly signIn: SignIn;
  readonly stop: AbortSignal;
}

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code';
/** RFC 8628, 3.5, in seconds: where none is given, and how much slower when the issuer asks for it. */
const intervalDefault = 5;
const slowDown = 5;
/** Whatever an issuer says, nobody waits longer for a code to be entered; in seconds. */
const waitMax = 3_600;

/** By hand and not by openid-client's own loop, which ends a wait only when it is over. */
async function poll({ cli, config, device, signIn, stop }: Polling): Promise<DeviceSignIn> {
  const { genericGrantRequest } = await import('openid-client');
  const { resource, issuer } = signIn;
  const parameters = {
    device_code: device.device_code,
    ...(resource !== undefined && { resource }),
  };
  const expired = AbortSignal.timeout(Math.min(device.expires_in, waitMax) * 1_000);
  const signal = AbortSignal.any([stop, expired]);
  let interval = device.interval ?? intervalDefault;
  // Ends: the code expires.
  for (;;) {
    try {
      await sleep(interval * 1_000, undefined, { signal });
      const answer = await genericGrantRequest(config, deviceGrant, parameters);
      const claims = answer.claims();
      const who = claims?.['email'] ?? claims?.['preferred_username'] ?? claims?.sub;
      return {
        tokens: tokensOf(answer, cli.now()),
        who: who === undefined ? undefined : plain(String(who)),
      };
    } catch (error) {
      if (stop.aborted) throw error;
      const code = refusalOf(error)?.code;
      if (expired.aborted || code === 'expired_token') throw codeExpired(error);
      if (code === 'slow_down') interval += slowDown;
      // Whoever gets no answer asks less often, by twice the interval.
      else if (isLost(error)) interval *= 2;
      else if (code !== 'authorization_pending') throw issuerFailure(issuer, error);
    }
  }
}

/** The connection failed; the issuer may well answer the next time. */
function isLost(error: unknown): boolean {
  if ((error as { code?: unknown }).code === 'OAUTH_TIMEOUT') return true;
  return error instanceof TypeError && !('code' in error);
}

function codeExpired(cause: unknown): CommandFailure {
  return new CommandFailure('the code expired before anybody signed in', {
    exitCode: exitCodes.denied,
    hint: 'Run `velocity auth login` again.',
    cause,
  });
}
