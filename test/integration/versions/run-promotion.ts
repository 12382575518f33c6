import { expect } from 'vitest';
import type { ActivityDeps } from '../../../src/activities/deps.ts';
import { abandonMigration } from '../../../src/activities/versions/abandon-migration.ts';
import { copyRecords } from '../../../src/activities/versions/copy-records.ts';
import { cutOver, finishMigration } from '../../../src/activities/versions/cut-over.ts';
import type { MigrationStep } from '../../../src/activities/versions/gather-migration.ts';
import { keepInStep } from '../../../src/activities/versions/keep-in-step.ts';
import { openMigration } from '../../../src/activities/versions/open-migration.ts';
import type { Compared } from '../../../src/activities/versions/verify-migration.ts';
import { checkRecords, compareRecords } from '../../../src/activities/versions/verify-migration.ts';
import type { ResourceRef } from '../../../src/contract/names.ts';

/** What the worker does for a promotion that was asked for, without Temporal. */
export async function runPromotion(deps: ActivityDeps, ref: ResourceRef): Promise<void> {
  const step = await begin(deps, ref);
  try {
    await checkRecords(deps, step);
    await copyAll(deps, step);
    let from: Compared | undefined;
    do from = await compareRecords(deps, { ...step, from });
    while (!from.done);
    do await keepInStep(deps, step);
    while (!(await cutOver(deps, step)).done);
    await finishMigration(deps, step);
  } catch (error) {
    await abandonMigration(deps, { ...step, state: 'failed', message: (error as Error).message });
    throw error;
  }
}

/** Opened, and nothing copied yet. */
export async function begin(deps: ActivityDeps, ref: ResourceRef): Promise<MigrationStep> {
  const opened = await openMigration(deps, ref);
  expect(opened.next).toBe('migrate');
  return { ref, id: opened.next === 'nothing' ? '' : opened.id };
}

export async function copyAll(deps: ActivityDeps, step: MigrationStep): Promise<void> {
  while (!(await copyRecords(deps, step)).done);
}
