import type { Configuration, ServerMetadata } from 'openid-client';
import type { AuthStrategy } from '../contract/kinds.ts';
import { VelocityError } from '../errors.ts';
import type { Outbound } from '../resources/outbound/outbound.ts';
import type { StrategyEntry } from '../resources/registry/snapshot.ts';
import type { SecretStore } from '../resources/secrets/secret-store.ts';
import { createIssuerFetch } from './issuer-fetch.ts';
import { tokenAlgorithms } from './jwt/parse-token.ts';

/** Clients of the issuers that strategies of type oidc name, with what the issuers say of themselves. */
export interface OidcClients {
  /** Throws AUTH_INVALID_TOKEN when the issuer does not answer or the client secret is not there. */
  get(strategy: StrategyEntry): Promise<Configuration>;
  /** After a failure: where the issuer has refused our secret, it is read anew with the next use. */
  learnFrom(strategy: StrategyEntry, failure: unknown): void;
}

export interface OidcClientsOptions {
  readonly secrets: SecretStore | undefined;
  readonly outbound: Pick<Outbound, 'dispatcher' | 'hosts'>;
  readonly now: () => number;
}

export type OidcSettings = NonNullable<AuthStrategy['spec']['config']['oidc']>;

/** As long as keys are kept: what an issuer says of itself changes by the month. */
const keptMs = 600_000;
/** An issuer that is away is asked again no sooner, however many would sign in. */
const failureKeptMs = 5_000;
/** Signing in is worth this much patience; in seconds, as openid-client counts. */
const answerTimeout = 10;

interface Kept {
  readonly strategy: StrategyEntry;
  readonly client: Promise<Configuration>;
  untilMs: number;
}

export function createOidcClients(options: OidcClientsOptions): OidcClients {
  const { now } = options;
  // As many as there are strategies: one that is gone from the registry is asked for no more.
  const kept = new Map<string, Kept>();
  return {
    get(strategy) {
      const known = kept.get(strategy.ref);
      // The registry keeps a strategy that has not changed as the same object.
      if (known?.strategy === strategy && known.untilMs > now()) return known.client;
      const client = openClient(strategy, options);
      const entry: Kept = { strategy, client, untilMs: now() + keptMs };
      kept.set(strategy.ref, entry);
      client.catch(() => {
        entry.untilMs = now() + failureKeptMs;
      });
      return client;
    },
    learnFrom(strategy, failure) {
      const { error, code } = failure as { error?: unknown; code?: unknown };
      const refused = error === 'invalid_client' || code === 'OAUTH_WWW_AUTHENTICATE_CHALLENGE';
      if (refused) kept.delete(strategy.ref);
    },
  };
}

async function openClient(
  { namespace, ref, spec }: StrategyEntry,
  { secrets, outbound }: OidcClientsOptions,
): Promise<Configuration> {
  const openid = await import('openid-client');
  const settings = oidcOf(spec);
  const { name, key } = settings.clientSecretRef;
  const secret = await secrets?.read({ namespace, name, key });
  if (secret === undefined) throw unavailable(ref, new Error(`no key ${key} in secret ${name}`));
  const fetch = createIssuerFetch(outbound);
  try {
    const address = new URL(settings.configUrl ?? settings.issuer ?? '');
    // Plain HTTP only to hosts that the configuration names: the issuer of a developer's machine.
    const plain = outbound.hosts.names(address.hostname) ? [openid.allowInsecureRequests] : [];
    const found = await openid.discovery(address, settings.clientId, undefined, undefined, {
      execute: plain,
      timeout: answerTimeout,
      [openid.customFetch]: fetch,
    });
    const server = withOverrides(found.serverMetadata(), settings);
    if (settings.issuer !== undefined && server.issuer !== settings.issuer) {
      throw new Error(`the document at ${address.href} is of issuer ${server.issuer}`);
    }
    const authentication = secretAuthentication(openid, server, secret);
    const client = new openid.Configuration(server, settings.clientId, {}, authentication);
    client.timeout = answerTimeout;
    client[openid.customFetch] = fetch;
    for (const setting of plain) setting(client);
    openid.enableNonRepudiationChecks(client);
    return client;
  } catch (cause) {
    throw unavailable(ref, cause);
  }
}

export function oidcOf({ config }: StrategyEntry['spec']): OidcSettings {
  if (config.oidc === undefined) throw new Error('a strategy of type oidc has its settings');
  return config.oidc;
}

/** What the strategy says counts more; and of the algorithms only those that prove something. */
function withOverrides(found: Readonly<ServerMetadata>, settings: OidcSettings): ServerMetadata {
  const { authorizationEndpoint, tokenEndpoint, userinfoEndpoint } = settings;
  const offered = found.id_token_signing_alg_values_supported ?? ['RS256'];
  return {
    ...(JSON.parse(JSON.stringify(found)) as ServerMetadata),
    id_token_signing_alg_values_supported: offered.filter(isAccepted),
    ...(authorizationEndpoint !== undefined && { authorization_endpoint: authorizationEndpoint }),
    ...(tokenEndpoint !== undefined && { token_endpoint: tokenEndpoint }),
    ...(userinfoEndpoint !== undefined && { userinfo_endpoint: userinfoEndpoint }),
  };
}

function isAccepted(algorithm: string): boolean {
  return (tokenAlgorithms as readonly string[]).includes(algorithm);
}

/** In the header unless the issuer takes it in the body alone (OpenID Connect Discovery, 3). */
function secretAuthentication(
  openid: typeof import('openid-client'),
  { token_endpoint_auth_methods_supported: methods }: ServerMetadata,
  secret: string,
) {
  const inBody =
    methods?.includes('client_secret_basic') === false && methods.includes('client_secret_post');
  return inBody ? openid.ClientSecretPost(secret) : openid.ClientSecretBasic(secret);
}

/** To a stranger no more than that; the cause is for the log. */
function unavailable(ref: string, cause: unknown): VelocityError {
  return new VelocityError('AUTH_INVALID_TOKEN', `Nobody can sign in by ${ref} now.`, {
    hint: 'Try again; if it stays, the request id finds the cause in the log.',
    cause,
  });
}
