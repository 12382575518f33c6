import { Command } from 'commander';
import type { ProcessName } from '../contract/processes.ts';
import { processes } from '../contract/processes.ts';
import { example } from './help.ts';

const settings = `
Environment (defaults in brackets; the database is required):
  VELOCITY_DATABASE_URL        postgres://ROLE:PASSWORD@HOST:PORT/DATABASE
  VELOCITY_TEMPORAL_ADDRESS    HOST:PORT (127.0.0.1:7233)
  VELOCITY_TEMPORAL_NAMESPACE  (default)
  VELOCITY_METRICS_PORT        serves /metrics on a port of its own
  VELOCITY_LOG_LEVEL           trace, debug, info, warn, error (info)`;

const settingsOfApi = `${settings}
  VELOCITY_HOST, VELOCITY_PORT where to listen (127.0.0.1, 8080)
  VELOCITY_POOL_SIZE           database connections (6)
  VELOCITY_PREPARE             off for PgBouncer before 1.21 (on)
  VELOCITY_CURSOR_SECRET       signs cursors; the same for every replica
  VELOCITY_REDIS_URL           shared by replicas: revocations and rate limits
  VELOCITY_RATE_LIMIT          requests a minute of each actor, 1000, or off
  VELOCITY_SEARCH_RATE_LIMIT   searches among them, 100, or off
  VELOCITY_TRUSTED_PROXIES     networks whose X-Forwarded-For is believed: 10.0.0.0/8 (none)`;

const settingsBehind = `${settings}
  VELOCITY_YIELD               to requests on the same machine: nice, or idle (nice)`;

const environment = 'VELOCITY_DATABASE_URL=postgres://';

/** What follows a description; dev and migrate have options and a --help of their own. */
const explanations: Record<ProcessName, string> = {
  dev: `\nIts options: velocity dev --help\n${example('velocity dev samples/flights')}`,
  migrate: `\nIts options: velocity migrate --help\n${example('velocity migrate --help')}`,
  api: `${settingsOfApi}\n${example(`${environment}velocity_api:…@db/velocity velocity api`)}`,
  worker: `${settingsBehind}\n${example(`${environment}velocity_operator:…@db/velocity velocity worker`)}`,
  operator: `${settingsBehind}\n${example(`${environment}velocity_operator:…@db/velocity velocity operator`)}`,
};

/**
 * src/main.ts starts these before the tree of commands is built; here they exist to be listed,
 * completed and explained.
 */
export function processCommands(): Command[] {
  const names = Object.keys(processes) as ProcessName[];
  return names.map((name) => {
    const command = new Command(name).description(processes[name]);
    if (name === 'worker') command.option('--queues <names>', 'only these task queues: control');
    return command.addHelpText('after', explanations[name]);
  });
}
