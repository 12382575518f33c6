import type { ApiClient, Envelope } from './api-client.ts';
import { exitCodes } from './exit-codes.ts';
import { CommandFailure, usageFailure } from './failures.ts';

/** A schema as `GET /api` lists it; members beside `path` are the API's and not looked at. */
export interface SchemaRoute {
  /** `{org}/{app}/{domain}/{object}/{version}` */
  readonly path: string;
}

/** Every schema that the caller may see, by path. */
export async function listSchemaRoutes(api: ApiClient): Promise<SchemaRoute[]> {
  const { data } = await api.get<Envelope<SchemaRoute[]>>('/api');
  return data.map((schema) => ({ ...schema, path: schema.path.replace(/^\/?(api\/)?/, '') }));
}

/** The route below /api of `airport`, `airport/v1`, `travel/airport/v1` … or the whole path. */
export async function resolveSchema(api: ApiClient, text: string): Promise<string> {
  const wanted = text.replace(/^\/?(api\/)?|\/$/g, '');
  // The whole path needs no look-up; whether it exists, the request itself will say.
  if (wanted.split('/').length === 5) return wanted;
  const paths = (await listSchemaRoutes(api)).map(({ path }) => path);
  const matching = paths.filter((path) => matches(path, wanted));
  const [only] = matching;
  if (only === undefined) {
    const near = paths.filter((path) => path.includes(wanted.split('/')[0] ?? ''));
    const known = (near.length > 0 ? near : paths).slice(0, 10).join(', ');
    throw new CommandFailure(`there is no schema "${text}" that you may see`, {
      exitCode: exitCodes.notFound,
      hint:
        known === ''
          ? 'You may see none at all; an administrator can grant you a role.'
          : `Known: ${known}`,
    });
  }
  if (matching.length === 1) return only;
  const newest = newestVersion(matching);
  if (newest !== undefined) return newest;
  throw usageFailure(
    `"${text}" can be ${matching.length} schemas`,
    `Say which: ${matching.join(', ')}`,
  );
}

/** Consecutive segments that end at the object or at the version. */
function matches(path: string, wanted: string): boolean {
  const withoutVersion = path.slice(0, path.lastIndexOf('/'));
  return [path, withoutVersion].some((whole) => `/${whole}`.endsWith(`/${wanted}`));
}

/** Of one object's versions, the highest number; undefined when they are of several objects. */
function newestVersion(paths: readonly string[]): string | undefined {
  const objects = new Set(paths.map((path) => path.slice(0, path.lastIndexOf('/'))));
  if (objects.size > 1) return undefined;
  const numberOf = (path: string) => Number(path.slice(path.lastIndexOf('/') + 2));
  return paths.toSorted((one, other) => numberOf(other) - numberOf(one))[0];
}
