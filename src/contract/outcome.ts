import type { Phase } from './kinds.ts';

/** How a reconcile ended, as its workflow answers it; the resource's status says the same. */
export interface Outcome {
  /** `Gone`: the resource does not exist any more. */
  readonly phase: Phase | 'Gone';
  /** CamelCase, for machines. */
  readonly reason: string;
  /** A sentence, for people. */
  readonly message: string;
  /** In a cluster: the deployments of the API may have to change now. */
  readonly deploys?: true;
}
