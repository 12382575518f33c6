import type { Resource } from '../contract/kinds.ts';

export interface ResourceFigure {
  readonly kind: string;
  readonly phase: string;
  readonly resources: number;
  /** Changed since the last reconcile that finished. */
  readonly waiting: number;
}

/** How the resources stand, by kind and phase: both come from closed lists, so labels are bounded. */
export function countByPhase(resources: readonly Resource[]): ResourceFigure[] {
  const groups = Map.groupBy(resources, ({ kind, status }) =>
    JSON.stringify([kind, status?.phase ?? 'Pending']),
  );
  return [...groups].map(([group, members]) => {
    const [kind, phase] = JSON.parse(group) as [string, string];
    const waiting = members.filter(
      ({ status, metadata }) => status?.observedGeneration !== metadata.generation,
    ).length;
    return { kind, phase, resources: members.length, waiting };
  });
}
