import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadWorkflowBundle } from '../src/process/workflow-bundle.ts';
import type { RecordedHistory } from './integration/histories/recorded-history.ts';
import { activitiesOf, replay, workflowTypeOf } from './integration/histories/recorded-history.ts';

/** Guarantee 22: workflow code that runs which are under way could not go on with. */

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'temporal/histories');
/** Asked for in a Kubernetes cluster alone. */
const unrecorded = ['keepApiDeployments'];
/** Making a bundle takes seconds. */
const withinMs = 120_000;

function readHistories(): RecordedHistory[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({
      name: file.replace(/\.json$/, ''),
      workflowId: 'replayed',
      json: readFileSync(join(folder, file), 'utf8'),
    }));
}

async function bundleFixture(name: string): Promise<string> {
  const workflowsPath = join(root, 'test/fixtures/replay', `${name}.ts`);
  const quiet = { ...console, log: () => {}, info: () => {}, debug: () => {}, trace: () => {} };
  return (await bundleWorkflowCode({ workflowsPath, logger: quiet })).code;
}

describe('the replay gate', () => {
  let histories: RecordedHistory[];
  let code: string;

  beforeAll(async () => {
    histories = readHistories();
    ({ code } = await loadWorkflowBundle());
  }, withinMs);

  it(
    'plays every recorded history again by the code as it is',
    async () => {
      const failed = (await replay(code, histories)).filter(({ error }) => error !== undefined);
      expect(failed, 'see docs/workflows.md: use patched(), or record anew').toEqual([]);
    },
    withinMs,
  );

  it('has a history of every workflow', async () => {
    const door = readFileSync(join(root, 'src/workflows/index.ts'), 'utf8');
    const workflows = [...door.matchAll(/export \{ (\w+) \}/g)].map(([, name]) => name);
    const recorded = new Set(histories.map(({ json }) => workflowTypeOf(json)));
    expect(workflows.length).toBeGreaterThan(0);
    expect(
      workflows.filter((name) => !recorded.has(name ?? '')),
      'add a scenario to test/integration/histories.test.ts and record it',
    ).toEqual([]);
  });

  it('has a history of every activity that a workflow asks for', () => {
    const source = readdirSync(join(root, 'src/workflows'))
      .map((file) => readFileSync(join(root, 'src/workflows', file), 'utf8'))
      .join('\n');
    const asked = [...source.matchAll(/\b(?:steps|longSteps|clusterSteps)\.(?!ts\b)(\w+)/g)];
    const recorded = new Set(histories.flatMap(({ json }) => activitiesOf(json)));
    const missing = new Set(
      asked.map(([, name]) => name ?? '').filter((name) => !recorded.has(name)),
    );
    expect(asked.length).toBeGreaterThan(0);
    expect(
      [...missing],
      'add a scenario to test/integration/histories.test.ts and record it',
    ).toEqual(unrecorded);
  });

  it(
    'catches a change that runs under way could not go on with',
    async () => {
      const domains = histories.filter(({ json }) => workflowTypeOf(json) === 'reconcileDomain');
      expect(domains.length).toBeGreaterThan(0);
      for (const { error } of await replay(await bundleFixture('incompatible'), domains)) {
        expect(error).toMatch(/^DeterminismViolationError/);
      }
    },
    withinMs,
  );

  it(
    'lets the same change pass that is made with patched()',
    async () => {
      const domains = histories.filter(({ json }) => workflowTypeOf(json) === 'reconcileDomain');
      for (const { error } of await replay(await bundleFixture('patched'), domains)) {
        expect(error).toBeUndefined();
      }
    },
    withinMs,
  );
});
