import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { schedules } from '../../../src/operator/schedules.ts';
import * as workflows from '../../../src/workflows/index.ts';

it('temporal/ lists the schedules that are registered', async () => {
  const file = new URL('../../../temporal/schedules.json', import.meta.url);
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(schedules);
});

it('every schedule starts a workflow that the worker has', () => {
  for (const { workflow } of schedules) expect(workflows).toHaveProperty(workflow);
});
