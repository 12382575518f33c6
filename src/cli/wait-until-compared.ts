import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient, Envelope } from './api-client.ts';
import type { Cli } from './cli.ts';
import type { SchemaDrift } from './drift-view.ts';
import { exitCodes } from './exit-codes.ts';
import { CommandFailure } from './failures.ts';
import { getResource, messageOf, phaseOf } from './resources-api.ts';
import type { SchemaName } from './schema-path.ts';
import { schemaPath } from './schema-path.ts';

/** A comparison takes tenths of a second; a repair that builds an index goes on by itself. */
const waitMs = 30_000;
const pollIntervalMs = 250;
/** Before this, a phase may tell of what was there before somebody asked. */
const settleMs = 1_500;

/** Nobody compares in these: it waits for somebody, or for something. */
const waitingPhases = new Set(['AwaitingApproval', 'Failed', 'Pending', 'Deleting']);

/** The newest comparison that is known; undefined: there was none. */
export async function comparedAt(api: ApiClient, schema: SchemaName): Promise<string | undefined> {
  const { data } = await api.get<Envelope<SchemaDrift>>(schemaPath(schema, 'drift'));
  return data.versions
    .map(({ checkedAt }) => checkedAt)
    .sort()
    .at(-1);
}

/** Waits for a comparison later than `before`; a phase in which none comes is a failure that says why. */
export async function waitUntilCompared(
  cli: Cli,
  api: ApiClient,
  schema: SchemaName,
  before: string | undefined,
): Promise<SchemaDrift> {
  const startedAt = cli.now();
  for (;;) {
    const { namespace, name } = schema;
    const resource = await getResource(api, 'SchemaDefinition', namespace, name);
    const phase = phaseOf(resource);
    const waited = cli.now() - startedAt;
    const latest = await comparedAt(api, schema);
    if (latest !== undefined && latest !== before && phase !== 'Provisioning') {
      const { data } = await api.get<Envelope<SchemaDrift>>(schemaPath(schema, 'drift'));
      return data;
    }
    const stuck = waitingPhases.has(phase) && waited > settleMs;
    if (stuck || waited > waitMs) {
      throw new CommandFailure(`${namespace}/${name} is ${phase}: ${messageOf(resource)}`, {
        exitCode: exitCodes.failure,
        hint: `velocity describe schema ${name} shows every condition`,
      });
    }
    await sleep(pollIntervalMs);
  }
}
