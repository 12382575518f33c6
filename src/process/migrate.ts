import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import type { Config } from '../config.ts';
import { readConfig } from '../config.ts';
import { ensureSchedules } from '../operator/schedules.ts';
import { ensureSearchAttributes } from '../operator/search-attributes.ts';
import { migrate } from '../store/migrate.ts';

const connectTimeoutMs = 5_000;

const usage = `Usage: velocity migrate [--bootstrap-url URL] [--api-url URL]

Brings the platform tables and roles up to date and registers Temporal's search attributes and
schedules.
VELOCITY_DATABASE_URL logs in as velocity_operator.

Options:
  --bootstrap-url URL  logs in as a superuser: needed the first time, to make the roles; also gives
                       velocity_operator the password of VELOCITY_DATABASE_URL
  --api-url URL        the address that the API will use: gives velocity_api its password;
                       needs --bootstrap-url
  -h, --help           print this

Example:
  VELOCITY_DATABASE_URL=postgres://velocity_operator:secret@db/velocity \\
    velocity migrate --bootstrap-url postgres://postgres:secret@db/velocity
`;

interface Arguments {
  readonly bootstrapUrl: string | undefined;
  readonly apiUrl: string | undefined;
  readonly help: boolean;
}

/** `velocity migrate`: safe to repeat and to race; the exit code. */
export async function run(argv: string[]): Promise<number> {
  const given = parse(argv);
  if (given instanceof Error) {
    process.stderr.write(`velocity migrate: ${given.message}\n`);
    return 2;
  }
  if (given.help) {
    process.stdout.write(usage);
    return 0;
  }
  const config = readConfig();
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const { bootstrapUrl } = given;
  const applied = await migrate({
    url: config.databaseUrl,
    log: say,
    ...(bootstrapUrl === undefined
      ? {}
      : {
          bootstrapUrl,
          passwords: {
            ...passwordOf('operator', config.databaseUrl),
            ...passwordOf('api', given.apiUrl),
          },
        }),
  });
  say(applied.length === 0 ? 'the database is up to date' : `${applied.length} migrations applied`);
  for (const line of await registerInTemporal(config)) say(line);
  return 0;
}

function parse(argv: string[]): Arguments | Error {
  try {
    const { values } = parseArgs({
      args: argv,
      options: {
        'bootstrap-url': { type: 'string' },
        'api-url': { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const given: Arguments = {
      bootstrapUrl: values['bootstrap-url'],
      apiUrl: values['api-url'],
      help: values.help,
    };
    for (const url of [given.bootstrapUrl, given.apiUrl]) {
      if (url !== undefined && !URL.canParse(url)) return new Error('an address is not a URL');
    }
    if (given.apiUrl !== undefined && given.bootstrapUrl === undefined) {
      return new Error('--api-url sets a password, which needs --bootstrap-url');
    }
    return given;
  } catch (error) {
    return error as Error;
  }
}

function passwordOf(role: 'api' | 'operator', url: string | undefined): Record<string, string> {
  const password = url === undefined ? '' : decodeURIComponent(new URL(url).password);
  return password === '' ? {} : { [role]: password };
}

/** Sentences about it; the operator and the worker do it too, so that Temporal's absence fails nothing. */
async function registerInTemporal(config: Config): Promise<string[]> {
  let connection: Connection;
  try {
    connection = await Connection.connect({
      address: config.temporalAddress,
      connectTimeout: connectTimeoutMs,
    });
  } catch {
    return [
      `Temporal does not answer at ${config.temporalAddress}: its search attributes and schedules ` +
        'are registered when operator and worker start, or by the next velocity migrate',
    ];
  }
  try {
    const { missing } = await ensureSearchAttributes(connection, config.temporalNamespace);
    const attributes =
      missing.length === 0
        ? 'search attributes are registered'
        : `search attributes missing in Temporal: ${missing.join(', ')}; see temporal/README.md`;
    const client = new Client({ connection, namespace: config.temporalNamespace });
    return [attributes, await registerSchedules(client)];
  } finally {
    await connection.close();
  }
}

async function registerSchedules(client: Client): Promise<string> {
  try {
    await ensureSchedules(client);
    return 'schedules are registered';
  } catch (error) {
    return `schedules are not registered: ${(error as Error).message}; the worker tries again`;
  }
}
