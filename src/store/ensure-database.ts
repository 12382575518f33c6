import pg from 'pg';
import { quoteIdentifier } from '../schema/identifier.ts';

/** The server is on this machine or near it; longer means that nobody answers. */
const connectTimeoutMs = 10_000;
const duplicateDatabase = '42P04';

/** Makes a database when it is missing. `superuserUrl` names any other database of the server. */
export async function ensureDatabase(superuserUrl: string, name: string): Promise<void> {
  const client = new pg.Client({
    connectionString: superuserUrl,
    connectionTimeoutMillis: connectTimeoutMs,
  });
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database ${quoteIdentifier(name)}`);
  } catch (error) {
    if ((error as { code?: string }).code !== duplicateDatabase) throw error;
  } finally {
    await client.end();
  }
}
