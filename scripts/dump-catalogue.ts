/**
 * Prints what the migrations and one sample domain leave in Postgres's catalogue; with `--write` into
 * migrations/catalogue.txt, which a test holds against the present. Review its diff with a migration.
 */
import { writeFile } from 'node:fs/promises';
import { dumpSampleCatalogue } from '../test/support/catalogue-sample.ts';
import { startOwnPostgres } from '../test/support/own-postgres.ts';

const file = new URL('../migrations/catalogue.txt', import.meta.url);

const postgres = await startOwnPostgres();
try {
  const dump = await dumpSampleCatalogue(postgres.operatorUrl);
  if (process.argv.includes('--write')) await writeFile(file, dump);
  else process.stdout.write(dump);
} finally {
  await postgres.drop();
}
