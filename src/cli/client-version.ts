import { readFile } from 'node:fs/promises';

/** Two folders up from here in the work tree and in the package alike. */
export async function readClientVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
