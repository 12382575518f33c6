import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { CliConfig } from '../config.ts';
import { CommandFailure, usageFailure } from './failures.ts';

/** An API to talk to, and as whom. */
export interface Context {
  readonly url: string;
  readonly apiKey?: string;
  /** Used where -n is not given. */
  readonly namespace?: string;
  /** Made by `velocity auth login`; while it holds tokens they are sent instead of the key. */
  readonly signIn?: SignIn;
}

/** A person who signed in at an OpenID provider, and how to do so again. */
export interface SignIn {
  readonly issuer: string;
  readonly clientId: string;
  readonly scope: string;
  /** RFC 8707: the API that the tokens are for. */
  readonly resource?: string;
  /** Absent: signed out. */
  readonly tokens?: SignInTokens;
}

export interface SignInTokens {
  readonly accessToken: string;
  /** RFC 3339; absent where the issuer does not say. */
  readonly expiresAt?: string;
  readonly refreshToken?: string;
}

export interface ContextFile {
  readonly current?: string;
  readonly contexts: Readonly<Record<string, Context>>;
}

/** Where an answer to "which API?" came from, for `context show`. */
export interface FoundContext extends Context {
  readonly name: string;
  readonly source: string;
}

/** The name by which a running `velocity dev` is chosen although another context is current. */
export const devContextName = 'dev';

export function contextFilePath(config: CliConfig): string {
  return join(config.configDirectory, 'velocity', 'config.json');
}

export async function readContextFile(path: string): Promise<ContextFile> {
  const text = await readIfThere(path);
  if (text === undefined) return { contexts: {} };
  try {
    const parsed = JSON.parse(text) as Partial<ContextFile>;
    return {
      ...(typeof parsed.current === 'string' ? { current: parsed.current } : {}),
      contexts: parsed.contexts ?? {},
    };
  } catch (error) {
    throw new CommandFailure(`${path} is not valid JSON`, {
      hint: 'Repair it, or remove it and add the contexts again with `velocity context set`.',
      cause: error,
    });
  }
}

/** Holds keys, so only its owner may read it; written beside and renamed, so never half there. */
export async function writeContextFile(path: string, file: ContextFile): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const beside = `${path}.${process.pid}.new`;
  await writeFile(beside, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
  await chmod(beside, 0o600);
  await rename(beside, path);
}

export interface ContextChoice {
  readonly url?: string | undefined;
  readonly apiKey?: string | undefined;
  readonly name?: string | undefined;
}

/** Flags, then the environment, then the current context, then the nearest `.velocity/dev.json`. */
export async function findContext(
  config: CliConfig,
  workingDirectory: string,
  flags: ContextChoice,
): Promise<FoundContext> {
  const url = flags.url ?? config.apiUrl;
  const apiKey = flags.apiKey ?? config.apiKey;
  const name = flags.name ?? config.contextName;
  // --context beats an address from the environment: it was typed later.
  const direct = flags.url !== undefined || (flags.name === undefined && url !== undefined);
  if (direct && url !== undefined) {
    const saved = await findSaved(config, workingDirectory, name);
    // A key never travels to an address that it was not saved with.
    const base = saved !== undefined && sameOrigin(saved.url, url) ? saved : undefined;
    return {
      ...base,
      url: checkUrl(url),
      ...(apiKey === undefined ? {} : { apiKey }),
      name: base?.name ?? '-',
      source: flags.url === undefined ? 'VELOCITY_API_URL' : '--url',
    };
  }
  const saved = await findSaved(config, workingDirectory, name);
  if (saved === undefined) {
    throw usageFailure(
      'no API to talk to: there is no context, and no .velocity/dev.json here or above',
      'Start one with `velocity dev`, or run `velocity context set NAME --url URL --api-key -`.',
    );
  }
  return apiKey === undefined ? saved : { ...saved, apiKey };
}

async function findSaved(
  config: CliConfig,
  workingDirectory: string,
  asked: string | undefined,
): Promise<FoundContext | undefined> {
  const path = contextFilePath(config);
  const file = await readContextFile(path);
  const name = asked ?? file.current;
  const saved = name === undefined ? undefined : file.contexts[name];
  if (name !== undefined && saved !== undefined) return { ...saved, name, source: path };
  if (name !== undefined && name !== devContextName) {
    throw usageFailure(
      `there is no context "${name}"`,
      `Known: ${[...Object.keys(file.contexts), devContextName].join(', ')} (velocity context list).`,
    );
  }
  return findDevContext(workingDirectory);
}

/** What `velocity dev` wrote, in this folder or the nearest one above. */
export async function findDevContext(workingDirectory: string): Promise<FoundContext | undefined> {
  for (let folder = resolve(workingDirectory); ; folder = dirname(folder)) {
    const path = join(folder, '.velocity', 'dev.json');
    const text = await readIfThere(path);
    if (text !== undefined) {
      const found = JSON.parse(text) as { apiUrl: string; adminKey: string };
      return { url: found.apiUrl, apiKey: found.adminKey, name: devContextName, source: path };
    }
    if (folder === dirname(folder)) return undefined;
  }
}

export function checkUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed !== undefined && /^https?:$/.test(parsed.protocol)) return url.replace(/\/+$/, '');
  throw usageFailure(
    `"${url}" is not an http(s) address`,
    'For example: --url http://127.0.0.1:8080',
  );
}

function sameOrigin(one: string, other: string): boolean {
  return URL.canParse(one) && URL.canParse(other) && new URL(one).origin === new URL(other).origin;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CommandFailure(`${path} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
