import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import pg from 'pg';
import { quoteIdentifier, quoteLiteral } from '../schema/identifier.ts';

export interface MigrateOptions {
  /** Logs in as velocity_operator; may be omitted when only the superuser's migrations are wanted. */
  readonly url?: string;
  /** Logs in as a superuser: creates the roles and what belongs to velocity_audit. */
  readonly bootstrapUrl?: string;
  /** Passwords to give the login roles; needs bootstrapUrl. */
  readonly passwords?: { readonly api?: string; readonly operator?: string };
  readonly log?: (line: string) => void;
}

const bootstrapRemedy =
  'run velocity migrate --bootstrap-url postgres://SUPERUSER@HOST/DATABASE once';
/** invalid_authorization_specification, invalid_password */
const loginRefused = new Set(['28000', '28P01']);

export interface Migration {
  readonly name: string;
  readonly runsAs: 'superuser' | 'velocity_operator';
  readonly text: string;
  readonly checksum: string;
}

const folder = new URL('../../migrations/', import.meta.url);
/** Serialises migrators of one database; the number is arbitrary and ours alone. */
const migrateLock = 7_305_001;

/**
 * Runs what has not run yet, in order, each file in a transaction of its own. Safe to repeat and to
 * race. Refuses to go on when an applied file has changed since, or when a file needs the superuser
 * and no bootstrapUrl was given.
 */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const log = options.log ?? (() => {});
  const migrations = await readMigrations();
  const applied: string[] = [];
  const superuser =
    options.bootstrapUrl === undefined ? undefined : await connect(options.bootstrapUrl);
  let operator: pg.Client | undefined;
  try {
    if (superuser === undefined && options.url !== undefined)
      operator = await connectAsOperator(options.url);
    await (superuser ?? operator)?.query('select pg_advisory_lock($1)', [migrateLock]);
    for (const migration of migrations) {
      const asOperator = migration.runsAs === 'velocity_operator' || superuser === undefined;
      if (asOperator && options.url !== undefined && operator === undefined) {
        if (superuser !== undefined) await setPasswords(superuser, options.passwords);
        operator = await connect(options.url);
      }
      const client = (asOperator ? operator : superuser) ?? superuser;
      if (client === undefined) throw new Error('velocity migrate needs a database URL');
      if (await isApplied(client, migration)) continue;
      if (migration.runsAs === 'superuser' && superuser === undefined) {
        throw new Error(`${migration.name} runs as a superuser: ${bootstrapRemedy}`);
      }
      await apply(client, migration);
      applied.push(migration.name);
      log(`applied ${migration.name}`);
    }
    if (superuser !== undefined) await setPasswords(superuser, options.passwords);
  } finally {
    await superuser?.end();
    await operator?.end();
  }
  return applied;
}

/** The files under migrations/, in order. Their first line names the role they run as. */
export async function readMigrations(): Promise<Migration[]> {
  const names = (await readdir(folder))
    .filter((name) => /^\d{4}_[a-z0-9_]+\.sql$/.test(name))
    .sort();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(name, folder), 'utf8');
      const runsAs = /^-- runs as: (superuser|velocity_operator)\n/.exec(text)?.[1];
      if (runsAs === undefined)
        throw new Error(
          `${name}: the first line must be "-- runs as: superuser|velocity_operator"`,
        );
      return {
        name,
        runsAs: runsAs as Migration['runsAs'],
        text,
        checksum: createHash('sha256').update(text).digest('hex'),
      };
    }),
  );
}

async function isApplied(client: pg.Client, migration: Migration): Promise<boolean> {
  const known = await client.query<{ known: boolean }>(
    `select to_regclass('platform.migrations') is not null as known`,
  );
  if (known.rows[0]?.known !== true) return false;
  const { rows } = await client.query<{ checksum: string }>(
    'select checksum from platform.migrations where name = $1',
    [migration.name],
  );
  const checksum = rows[0]?.checksum;
  if (checksum !== undefined && checksum !== migration.checksum) {
    throw new Error(
      `${migration.name} was changed after it ran here: merged migrations never change, add a new one`,
    );
  }
  return checksum !== undefined;
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  try {
    await client.query('begin');
    // A migration that runs as the operator may also be run by the superuser on its behalf.
    if (migration.runsAs === 'velocity_operator')
      await client.query('set local role velocity_operator');
    await client.query(migration.text);
    await client.query('insert into platform.migrations (name, checksum) values ($1, $2)', [
      migration.name,
      migration.checksum,
    ]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw new Error(
      `${migration.name}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

async function setPasswords(
  superuser: pg.Client,
  passwords: MigrateOptions['passwords'],
): Promise<void> {
  const roles = [
    ['velocity_api', passwords?.api],
    ['velocity_operator', passwords?.operator],
  ] as const;
  for (const [role, password] of roles) {
    if (password === undefined) continue;
    await superuser.query(`alter role ${quoteIdentifier(role)} password ${quoteLiteral(password)}`);
  }
}

/** Before the first bootstrap the role is not there, or has no password yet. */
async function connectAsOperator(connectionString: string): Promise<pg.Client> {
  try {
    return await connect(connectionString);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (!loginRefused.has(code ?? '')) throw error;
    throw new Error(`${message}: ${bootstrapRemedy}`, { cause: error });
  }
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, application_name: 'velocity migrate' });
  await client.connect();
  client.on('error', () => {});
  return client;
}
