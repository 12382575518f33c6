import { createHmac } from 'node:crypto';
import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The only reader of `process.env`: everything else is given its settings. */
export type Environment = Readonly<Record<string, string | undefined>>;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * How whoever works behind requests gives way to them on a machine they share: `nice` leaves it a share
 * of a busy core, `idle` (Linux) only what nobody else wants.
 */
export const yieldings = ['nice', 'idle'] as const;
export type Yielding = (typeof yieldings)[number];

export interface Config {
  /** Logs in as the process's own role: velocity_api or velocity_operator. */
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  readonly temporalNamespace: string;
  readonly host: string;
  readonly port: number;
  /** Undefined: `/metrics` is on the API's port, for loopback callers only. */
  readonly metricsPort: number | undefined;
  readonly logLevel: LogLevel;
  /** Named statements; off for PgBouncer before 1.21. */
  readonly prepare: boolean;
  readonly poolSize: number;
  readonly yielding: Yielding;
  /** Signs cursors; every replica needs the same one. */
  readonly cursorSecret: string;
  /** Where resources live. */
  readonly resources: ResourcesConfig;
  /** Shared by all replicas: revocations and rate limits. Undefined: this process is alone. */
  readonly redisUrl: string | undefined;
  readonly rateLimits: RateLimitConfig;
  /** What the API serves: an application, or one domain of it. Undefined: everything. */
  readonly serve: ServeConfig | undefined;
  /** 32 bytes each: the first seals secrets, every one opens what it has sealed. */
  readonly secretKeys: readonly Buffer[];
  /**
   * Networks, addresses and host names (`*.suffix` too) that may be called although they are private,
   * and by plain HTTP where a name or an address stands here itself.
   */
  readonly outboundAllow: readonly string[];
  /** Networks whose X-Forwarded-For is believed, in CIDR form. */
  readonly trustedProxies: readonly string[];
  /** For development: strategies of type none let callers in without credentials. */
  readonly allowNone: boolean;
  /** Of the operator in a cluster; undefined: it judges nothing. */
  readonly webhook: WebhookConfig | undefined;
}

/** Requests a minute of each actor; undefined: not bounded. */
export interface RateLimitConfig {
  readonly actor: number | undefined;
  /** Searches among them. */
  readonly search: number | undefined;
}

export interface WebhookConfig {
  readonly port: number;
  /** Names and addresses by which the API server calls. */
  readonly hosts: readonly string[];
  /** Where somebody else keeps `tls.crt` and `tls.key`; undefined: the operator makes its own. */
  readonly certificateDirectory: string | undefined;
  /** Users that may say for whom they act: the API's service account. */
  readonly speakers: readonly string[];
}

export interface ServeConfig {
  readonly organisation: string;
  readonly application: string;
  readonly domain?: string;
}

export type ResourcesConfig =
  | { readonly store: 'postgres' }
  | {
      readonly store: 'kubernetes';
      /** Path of a kubeconfig; undefined: the pod's own service account. */
      readonly kubeconfig: string | undefined;
      /** Of Velocity's own objects; undefined: that of the kubeconfig's context, or of the pod. */
      readonly namespace: string | undefined;
    };

/** One variable that is wrong: its name is the place. */
export interface ConfigProblem {
  readonly variable: string;
  readonly message: string;
}

/** Its message names every variable that is wrong, one a line: print it and exit. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(
      `the environment is not valid:\n${problems.map((p) => `  ${p.variable}: ${p.message}`).join('\n')}`,
    );
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** What the process was started with, for the children that inherit it. */
export function environment(): Environment {
  return process.env;
}

const portMax = 65_535;
/** A pipelined connection serves thousands of requests a second; more only add contention. */
const poolSizeMax = 200;
/** More in a minute is not a limit. */
const rateMax = 10_000_000;
const secretLengthMin = 32;
const sealingKeyBytes = 32;

/** Reads `VELOCITY_*`; throws a ConfigError that lists everything that is wrong. */
export function readConfig(env: Environment = environment()): Config {
  const problems: ConfigProblem[] = [];
  const read = reader(env, problems);
  const databaseUrl = read('VELOCITY_DATABASE_URL', undefined, parsePostgresUrl) ?? '';
  const config: Config = {
    databaseUrl,
    temporalAddress: read('VELOCITY_TEMPORAL_ADDRESS', '127.0.0.1:7233', parseAddress) ?? '',
    temporalNamespace: read('VELOCITY_TEMPORAL_NAMESPACE', 'default', parseName) ?? '',
    host: read('VELOCITY_HOST', '127.0.0.1', parseHost) ?? '',
    port: read('VELOCITY_PORT', '8080', integerBetween(0, portMax)) ?? 0,
    metricsPort: env['VELOCITY_METRICS_PORT']
      ? read('VELOCITY_METRICS_PORT', undefined, integerBetween(0, portMax))
      : undefined,
    logLevel: read('VELOCITY_LOG_LEVEL', 'info', oneOf(logLevels)) ?? 'info',
    prepare: read('VELOCITY_PREPARE', 'on', oneOf(['on', 'off'])) === 'on',
    poolSize: read('VELOCITY_POOL_SIZE', '6', integerBetween(1, poolSizeMax)) ?? 1,
    yielding: read('VELOCITY_YIELD', 'nice', oneOf(yieldings)) ?? 'nice',
    cursorSecret: env['VELOCITY_CURSOR_SECRET']
      ? (read('VELOCITY_CURSOR_SECRET', undefined, parseSecret) ?? '')
      : deriveCursorSecret(databaseUrl),
    resources: readResources(env, problems),
    secretKeys: env['VELOCITY_SECRET_KEY']
      ? (read('VELOCITY_SECRET_KEY', undefined, listOf(parseSealingKey)) ?? [])
      : [],
    outboundAllow: readOutboundAllow(env, problems),
    allowNone: read('VELOCITY_AUTH_ALLOW_NONE', 'off', oneOf(['on', 'off'])) === 'on',
    trustedProxies: env['VELOCITY_TRUSTED_PROXIES']
      ? (read('VELOCITY_TRUSTED_PROXIES', undefined, listOf(parseProxy)) ?? [])
      : [],
    webhook: readWebhook(env, problems),
    redisUrl: env['VELOCITY_REDIS_URL']
      ? read('VELOCITY_REDIS_URL', undefined, parseRedisUrl)
      : undefined,
    rateLimits: {
      actor: read('VELOCITY_RATE_LIMIT', '1000', parseRate),
      search: read('VELOCITY_SEARCH_RATE_LIMIT', '100', parseRate),
    },
    serve: env['VELOCITY_SERVE'] ? read('VELOCITY_SERVE', undefined, parseServe) : undefined,
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** For `velocity dev`, whose processes read the rest themselves. */
export function readYielding(env: Environment = environment()): Yielding {
  const problems: ConfigProblem[] = [];
  const yielding = reader(env, problems)('VELOCITY_YIELD', 'nice', oneOf(yieldings));
  if (problems.length > 0) throw new ConfigError(problems);
  return yielding ?? 'nice';
}

/** Also for `velocity dev`, which admits manifests without being a process of its own. */
export function readOutboundAllow(
  env: Environment = environment(),
  problems: ConfigProblem[] = [],
): readonly string[] {
  if (!env['VELOCITY_OUTBOUND_ALLOW']) return [];
  return reader(env, problems)('VELOCITY_OUTBOUND_ALLOW', undefined, listOf(parseOutbound)) ?? [];
}

function readResources(env: Environment, problems: ConfigProblem[]): ResourcesConfig {
  const read = reader(env, problems);
  const stores = ['postgres', 'kubernetes'] as const;
  if (read('VELOCITY_RESOURCES', 'postgres', oneOf(stores)) !== 'kubernetes') {
    return { store: 'postgres' };
  }
  const kubeconfig = env['VELOCITY_KUBECONFIG'] || undefined;
  if (kubeconfig === undefined && !env['KUBERNETES_SERVICE_HOST']) {
    const message = 'is required outside of a cluster: the path of a kubeconfig';
    problems.push({ variable: 'VELOCITY_KUBECONFIG', message });
  }
  const namespace = env['VELOCITY_KUBERNETES_NAMESPACE']
    ? read('VELOCITY_KUBERNETES_NAMESPACE', undefined, parseLabel)
    : undefined;
  return { store: 'kubernetes', kubeconfig, namespace };
}

function readWebhook(env: Environment, problems: ConfigProblem[]): WebhookConfig | undefined {
  if (!env['VELOCITY_WEBHOOK_PORT']) return undefined;
  const read = reader(env, problems);
  const namespace = env['VELOCITY_KUBERNETES_NAMESPACE'] || 'velocity-system';
  const host = `velocity-operator.${namespace}.svc`;
  const speaker = `system:serviceaccount:${namespace}:velocity-api`;
  return {
    port: read('VELOCITY_WEBHOOK_PORT', undefined, integerBetween(0, portMax)) ?? 0,
    hosts: read('VELOCITY_WEBHOOK_HOSTS', host, listOf(parseHost)) ?? [],
    certificateDirectory: env['VELOCITY_WEBHOOK_CERTIFICATE_DIR'] || undefined,
    speakers: read('VELOCITY_WEBHOOK_SPEAKERS', speaker, listOf(String)) ?? [],
  };
}

/** What the command line takes from its environment; flags win over all of it. */
export interface CliConfig {
  /** `$XDG_CONFIG_HOME`, or `~/.config`. */
  readonly configDirectory: string;
  readonly noColour: boolean;
  readonly contextName: string | undefined;
  readonly apiUrl: string | undefined;
  readonly apiKey: string | undefined;
}

export function readCliConfig(env: Environment = environment()): CliConfig {
  return {
    configDirectory: env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'),
    noColour: Boolean(env['NO_COLOR']) || env['TERM'] === 'dumb',
    contextName: env['VELOCITY_CONTEXT'] || undefined,
    apiUrl: env['VELOCITY_API_URL'] || undefined,
    apiKey: env['VELOCITY_API_KEY'] || undefined,
  };
}

/** A parser answers the value, or a sentence in an Error. */
type Parse<T> = (text: string) => T;

function reader(env: Environment, problems: ConfigProblem[]) {
  return <T>(variable: string, fallback: string | undefined, parse: Parse<T>): T | undefined => {
    const text = env[variable] || fallback;
    if (text === undefined) {
      problems.push({ variable, message: 'is required' });
      return undefined;
    }
    try {
      return parse(text);
    } catch (error) {
      problems.push({ variable, message: (error as Error).message });
      return undefined;
    }
  };
}

/** Never repeats the text: it carries a password. */
function parsePostgresUrl(text: string): string {
  const example = 'wants postgres://USER:PASSWORD@HOST:PORT/DATABASE';
  if (!URL.canParse(text)) throw new Error(`is not a URL; ${example}`);
  const url = new URL(text);
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') {
    throw new Error(`starts with ${JSON.stringify(url.protocol)}; ${example}`);
  }
  return text;
}

/** Never repeats the text: it may carry a password. */
function parseRedisUrl(text: string): string {
  const example =
    'wants redis://HOST:PORT/DATABASE, with USER:PASSWORD@ where needed, or rediss://';
  if (!URL.canParse(text)) throw new Error(`is not a URL; ${example}`);
  const url = new URL(text);
  if (!['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '') {
    throw new Error(`is not the address of a Redis; ${example}`);
  }
  return text;
}

/** Requests a minute, or `off`: undefined. */
function parseRate(text: string): number | undefined {
  if (text === 'off') return undefined;
  const rate = Number(text);
  if (!/^\d+$/.test(text) || rate < 1 || rate > rateMax) {
    throw new Error(
      `is ${JSON.stringify(text)}; wants off, or requests a minute from 1 to ${rateMax}`,
    );
  }
  return rate;
}

function parseAddress(text: string): string {
  const match = /^(?<host>[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):(?<port>\d{1,5})$/.exec(text);
  if (!match || Number(match.groups?.['port']) > portMax) {
    throw new Error(`is ${JSON.stringify(text)}; wants HOST:PORT`);
  }
  return text;
}

function parseHost(text: string): string {
  if (isIP(text) === 0 && !/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text)) {
    throw new Error(`is ${JSON.stringify(text)}; wants an IP address or a host name`);
  }
  return text;
}

function parseOutbound(text: string): string {
  if (isNetwork(text)) return text;
  if (text.includes('/')) throw new Error(`is ${JSON.stringify(text)}; wants ADDRESS/BITS`);
  parseHost(text.replace(/^\*\./, ''));
  return text;
}

/** ADDRESS/BITS. */
function isNetwork(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/');
  const family = isIP(address);
  if (rest.length > 0 || family === 0 || !/^\d{1,3}$/.test(bits)) return false;
  return Number(bits) <= (family === 4 ? 32 : 128);
}

function parseName(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text)) {
    throw new Error(`is ${JSON.stringify(text)}; wants letters, digits, ".", "_" and "-"`);
  }
  return text;
}

function parseLabel(text: string): string {
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text)) {
    throw new Error(`is ${JSON.stringify(text)}; wants the name of a Kubernetes namespace`);
  }
  return text;
}

function parseServe(text: string): ServeConfig {
  const [organisation, application, domain, ...rest] = text.split('/');
  const parts = [organisation, application, domain].filter((part) => part !== undefined);
  const valid = rest.length === 0 && parts.every((part) => /^[a-z][a-z0-9-]*$/.test(part));
  if (!valid || organisation === undefined || application === undefined) {
    throw new Error(
      `is ${JSON.stringify(text)}; wants ORGANISATION/APPLICATION or ORGANISATION/APPLICATION/DOMAIN`,
    );
  }
  return { organisation, application, ...(domain !== undefined && { domain }) };
}

/** One that holds everybody would let everybody forge. */
function parseProxy(text: string): string {
  if (/\/0+$/.test(text)) throw new Error(`is ${JSON.stringify(text)}, which is everybody`);
  if (isIP(text) !== 0 || isNetwork(text)) return text;
  throw new Error(`is ${JSON.stringify(text)}; wants addresses or networks: 10.0.0.0/8`);
}

/** Never repeats the text. */
function parseSealingKey(text: string): Buffer {
  const key = Buffer.from(text, 'base64');
  if (key.length !== sealingKeyBytes || key.toString('base64') !== text) {
    throw new Error(`wants ${sealingKeyBytes} bytes in base64: openssl rand -base64 32`);
  }
  return key;
}

function parseSecret(text: string): string {
  if (text.length < secretLengthMin) {
    throw new Error(`has ${text.length} characters; wants at least ${secretLengthMin}`);
  }
  return text;
}

function integerBetween(min: number, max: number): Parse<number> {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new Error(`is ${JSON.stringify(text)}; wants a whole number from ${min} to ${max}`);
    }
    return value;
  };
}

function listOf<T>(parse: Parse<T>): Parse<T[]> {
  return (text) => text.split(',').map((part) => parse(part.trim()));
}

function oneOf<T extends string>(allowed: readonly T[]): Parse<T> {
  return (text) => {
    if (!(allowed as readonly string[]).includes(text)) {
      throw new Error(`is ${JSON.stringify(text)}; wants one of ${allowed.join(', ')}`);
    }
    return text as T;
  };
}

/**
 * Replicas share the database address with its password, so they derive the same secret. A forged
 * cursor shows no row that the caller could not list, which is why this is enough by default.
 */
function deriveCursorSecret(databaseUrl: string): string {
  return createHmac('sha256', databaseUrl).update('velocity cursor').digest('base64url');
}
