import { createHash } from 'node:crypto';
import type { Client, ScheduleOptions } from '@temporalio/client';
import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { Duration } from '@temporalio/common';
import { taskQueues } from '../contract/names.ts';

interface Schedule {
  readonly id: string;
  /** Name of a workflow without arguments. */
  readonly workflow: string;
  readonly every: Duration;
  /** Runs begin up to this much later, so that many installations do not begin together. */
  readonly jitter: Duration;
  /** A run that is due while the last one goes on is left out: it would find the same. */
  readonly overlap: 'SKIP';
  /** Runs missed for longer than this are not made up for; one of them is, after an outage. */
  readonly catchupWindow: Duration;
}

/** Temporal's schedules of Velocity. temporal/schedules.json says the same to people and other tools. */
export const schedules: readonly Schedule[] = [
  {
    id: 'detectDrift',
    workflow: 'detectDrift',
    every: '10 minutes',
    jitter: '1 minute',
    overlap: 'SKIP',
    catchupWindow: '10 minutes',
  },
  {
    id: 'maintainPartitions',
    workflow: 'maintainPartitions',
    every: '12 hours',
    jitter: '1 hour',
    overlap: 'SKIP',
    catchupWindow: '1 day',
  },
];

/**
 * Registers what is missing and renews what an earlier release registered otherwise; a schedule that
 * somebody paused stays so. Any number of processes may do it at a time. Answers what it changed.
 */
export async function ensureSchedules(client: Client): Promise<string[]> {
  const changed: string[] = [];
  for (const schedule of schedules) {
    if (await ensureSchedule(client, schedule)) changed.push(schedule.id);
  }
  return changed;
}

async function ensureSchedule(client: Client, schedule: Schedule): Promise<boolean> {
  const { id } = schedule;
  const note = `definition ${createHash('sha256').update(JSON.stringify(schedule)).digest('hex').slice(0, 12)}`;
  const options = optionsOf(schedule);
  const handle = client.schedule.getHandle(id);
  try {
    const { state } = await handle.describe();
    if (state.note?.includes(note)) return false;
    await handle.update((known) => ({ ...known, ...options, state: { ...known.state, note } }));
    return true;
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  }
  try {
    await client.schedule.create({ scheduleId: id, ...options, state: { note } });
    return true;
  } catch (error) {
    if (error instanceof ScheduleAlreadyRunning) return false;
    throw error;
  }
}

function optionsOf({
  workflow,
  every,
  jitter,
  overlap,
  catchupWindow,
}: Schedule): Omit<ScheduleOptions, 'scheduleId' | 'state' | 'memo'> {
  return {
    spec: { intervals: [{ every }], jitter },
    action: {
      type: 'startWorkflow',
      workflowType: workflow,
      workflowId: workflow,
      taskQueue: taskQueues.control,
      args: [],
    },
    policies: { overlap: ScheduleOverlapPolicy[overlap], catchupWindow },
  };
}
