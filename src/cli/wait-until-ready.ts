import { setTimeout as sleep } from 'node:timers/promises';
import { confirmDeleteAnnotation } from '../contract/names.ts';
import type { ApiClient } from './api-client.ts';
import type { Cli } from './cli.ts';
import { exitCodes } from './exit-codes.ts';
import { ApiRefusal, CommandFailure } from './failures.ts';
import { startProgress } from './progress.ts';
import type { ResourceView } from './resources-api.ts';
import { getResource, isServed, isSettled, messageOf, phaseOf } from './resources-api.ts';

/** How long commands wait that are done only when the platform has acted. */
export const effectTimeoutMs = 30_000;

/** A reconcile takes tenths of a second; asking more often would only load the API. */
const pollIntervalMs = 250;

/** Phases in which waiting further helps nobody. */
const finalPhases = new Set(['Failed', 'AwaitingApproval', 'Frozen']);

/** Answers the resources once all are Ready; otherwise throws a failure that names each one that is not, and why. */
export async function waitUntilReady(
  cli: Cli,
  api: ApiClient,
  resources: readonly ResourceView[],
  timeoutMs: number,
): Promise<ResourceView[]> {
  const deadline = cli.now() + timeoutMs;
  const progress = await startProgress(cli, 'waiting until Ready');
  const reached: ResourceView[] = [];
  const waiting = new Map(resources.map((resource) => [resource.kind + keyOf(resource), resource]));
  try {
    for (;;) {
      for (const [key, resource] of waiting) {
        const now = await getResource(
          api,
          resource.kind,
          resource.metadata.namespace,
          resource.metadata.name,
        );
        waiting.set(key, now);
        if (!isSettled(now) || !isServed(now)) continue;
        waiting.delete(key);
        reached.push(now);
      }
      const left = [...waiting.values()];
      const ready = resources.length - left.length;
      if (left.length === 0) {
        progress.succeed(`${ready} of ${resources.length} Ready`);
        return reached;
      }
      const stuck = left.filter((one) => isSettled(one) && finalPhases.has(phaseOf(one)));
      if (stuck.length === left.length) throw notReady(left, 'not Ready');
      if (cli.now() >= deadline) throw notReady(left, `not Ready within ${timeoutMs / 1_000} s`);
      progress.update(`${ready} of ${resources.length} Ready; ${describe(left[0]!)}`);
      await sleep(pollIntervalMs);
    }
  } catch (error) {
    progress.fail('not Ready');
    throw error;
  }
}

/** Ends when the resource is gone; while a finalizer holds it, says what its status says. */
export async function waitUntilGone(
  cli: Cli,
  api: ApiClient,
  resource: ResourceView,
  timeoutMs: number,
): Promise<void> {
  const deadline = cli.now() + timeoutMs;
  const { namespace, name } = resource.metadata;
  const progress = await startProgress(cli, `deleting ${describe(resource)}`);
  for (;;) {
    try {
      const now = await getResource(api, resource.kind, namespace, name);
      if (isRefused(now) || cli.now() >= deadline) throw notReady([now], 'not deleted');
      progress.update(`deleting ${describe(now)}`);
    } catch (error) {
      if (error instanceof ApiRefusal && error.status === 404) return progress.succeed('gone');
      progress.fail('not deleted');
      throw error;
    }
    await sleep(pollIntervalMs);
  }
}

/** It stays until somebody decides: the platform says so, and nobody has confirmed since. */
function isRefused({ metadata, status }: ResourceView): boolean {
  if (metadata.annotations?.[confirmDeleteAnnotation] === metadata.name) return false;
  const { conditions = [] } = status ?? {};
  return conditions.some(({ type, status: is, reason }) => {
    return type === 'Deletion' && is === 'False' && reason === 'HoldsRecords';
  });
}

function notReady(resources: readonly ResourceView[], what: string): CommandFailure {
  return new CommandFailure(
    `${what}:\n${resources.map((one) => `  ${describe(one)}`).join('\n')}`,
    {
      exitCode: exitCodes.failure,
      hint: 'velocity describe KIND NAME shows every condition',
    },
  );
}

function describe(resource: ResourceView): string {
  const message = messageOf(resource);
  const phase = phaseOf(resource);
  return `${resource.kind} ${keyOf(resource)}: ${phase}${message === '' ? '' : ` (${message})`}`;
}

function keyOf({ metadata }: ResourceView): string {
  return `${metadata.namespace}/${metadata.name}`;
}
