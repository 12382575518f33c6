import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Expected: something is not running or refuses; the message says what to do. */
export class DemoFailure extends Error {}

/** After `make dev` says that it is ready, its schemas may still be on their way. */
const schemaWaitMs = 60_000;
const schemaPollMs = 500;
/** The largest page that the API gives. */
const pageSize = 1_000;
/** 100,000 records: far more than the demo loads, so a cursor that never ends is noticed. */
const pagesMax = 100;

export type DemoRecord = Readonly<Record<string, unknown>>;

interface Page {
  data: DemoRecord[];
  pagination: { cursor?: string | null; total?: number };
}

export interface DemoApi {
  readonly url: string;
  readonly docsUrl: string;
  readonly adminKey: string;
  /** The body of a success; a refusal becomes a DemoFailure that repeats what the API said. */
  call(method: string, path: string, options?: CallOptions): Promise<unknown>;
  /** One page of records. */
  list(path: string, query: Record<string, string>, apiKey?: string): Promise<DemoRecord[]>;
  listAll(path: string, query: Record<string, string>): Promise<DemoRecord[]>;
  /** Returns once the schema is served. */
  waitForSchema(path: string): Promise<void>;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly apiKey?: string;
}

export async function openDevApi(devFolder: string): Promise<DemoApi> {
  const { apiUrl, docsUrl, adminKey } = await readReport(devFolder);
  const call = async (method: string, path: string, options: CallOptions = {}) => {
    const response = await send(apiUrl, method, path, { apiKey: adminKey, ...options });
    if (!response.ok) throw new DemoFailure(`${method} ${path}: ${await explain(response)}`);
    return response.json();
  };
  const page = async (path: string, query: Record<string, string>, apiKey = adminKey) =>
    (await call('GET', `${path}?${new URLSearchParams(query)}`, { apiKey })) as Page;

  return {
    url: apiUrl,
    docsUrl,
    adminKey,
    call,
    list: async (path, query, apiKey) => (await page(path, query, apiKey)).data,
    async listAll(path, query) {
      const records: DemoRecord[] = [];
      let cursor: string | null | undefined;
      for (let pages = 0; pages < pagesMax; pages++) {
        const asked = { ...query, limit: String(pageSize), ...(cursor ? { cursor } : {}) };
        const answer = await page(path, asked);
        records.push(...answer.data);
        cursor = answer.pagination.cursor;
        if (!cursor) return records;
      }
      throw new DemoFailure(`${path} has more than ${pagesMax * pageSize} records`);
    },
    async waitForSchema(path) {
      const giveUpAt = Date.now() + schemaWaitMs;
      for (;;) {
        const response = await send(apiUrl, 'GET', `${path}?limit=1`, { apiKey: adminKey });
        if (response.ok) return;
        const why = await explain(response);
        if (response.status !== 404 || Date.now() > giveUpAt) {
          throw new DemoFailure(`${path} is not served: ${why}. Does \`make dev\` watch samples/?`);
        }
        await sleep(schemaPollMs);
      }
    },
  };
}

async function readReport(devFolder: string) {
  let text: string;
  try {
    text = await readFile(join(devFolder, '.velocity', 'dev.json'), 'utf8');
  } catch {
    throw new DemoFailure('no `make dev` is running here: start it in another terminal first');
  }
  return JSON.parse(text) as { apiUrl: string; docsUrl: string; adminKey: string };
}

async function send(
  url: string,
  method: string,
  path: string,
  { body, apiKey = '' }: CallOptions,
): Promise<Response> {
  const headers: Record<string, string> = { 'x-api-key': apiKey };
  if (body !== undefined) headers['content-type'] = 'application/json';
  try {
    return await fetch(`${url}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new DemoFailure(`nothing answers at ${url}: is \`make dev\` still running?`);
  }
}

async function explain(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { code, detail, details } = JSON.parse(text);
    return `${response.status} ${code}: ${detail}${details ? ` ${JSON.stringify(details)}` : ''}`;
  } catch {
    return `${response.status} ${text.slice(0, 200)}`;
  }
}
