import { ApplicationFailure, setCurrentDetails } from '@temporalio/workflow';
import type { PartitionPage } from '../activities/ensure-partitions.ts';
import { steps } from './steps.ts';

/** Two hundred thousand tables. */
const pagesMax = 10_000;

/** Makes the partitions of the months to come, a page of tables an activity. */
export async function maintainPartitions(): Promise<void> {
  await everyPage('history', steps.ensureHistoryPartitions);
  await everyPage('records', steps.ensureRecordPartitions);
}

async function everyPage(
  what: string,
  ensure: (page: PartitionPage) => Promise<PartitionPage>,
): Promise<void> {
  let after: PartitionPage['after'];
  for (let page = 0; page < pagesMax; page++) {
    const answer = await ensure({ after });
    if (answer.after === undefined) return;
    after = answer.after;
    setCurrentDetails(`${what}: up to ${after}`);
  }
  throw ApplicationFailure.nonRetryable(`more than ${pagesMax} pages`, 'TOO_MANY_TABLES');
}
