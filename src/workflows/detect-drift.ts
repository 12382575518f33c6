import { ApplicationFailure, setCurrentDetails } from '@temporalio/workflow';
import type { DriftPage } from '../activities/drift/check-drift.ts';
import { steps } from './steps.ts';

/** A hundred thousand schemas; more belong to more than one installation. */
const pagesMax = 2_000;

export interface DriftSummary {
  readonly checked: number;
  readonly drifted: number;
}

/** Compares every active revision with the catalogue, a page an activity. */
export async function detectDrift(): Promise<DriftSummary> {
  let [checked, drifted] = [0, 0];
  let after: DriftPage['after'];
  for (let page = 0; page < pagesMax; page++) {
    const answer = await steps.checkDriftPage({ after });
    checked += answer.checked;
    drifted += answer.drifted;
    setCurrentDetails(`${checked} compared, ${drifted} of them differ`);
    if (answer.after === undefined) return { checked, drifted };
    after = answer.after;
  }
  throw ApplicationFailure.nonRetryable(`more than ${pagesMax} pages`, 'TOO_MANY_SCHEMAS');
}
