import type { Pool } from '../../store/pool.ts';

export interface ResourceFigure {
  readonly kind: string;
  readonly phase: string;
  readonly resources: number;
  /** Changed since the last reconcile that finished. */
  readonly waiting: number;
}

/** How the resources stand, by kind and phase: both come from closed lists, so labels are bounded. */
export async function countResources(pool: Pool): Promise<ResourceFigure[]> {
  const { rows } = await pool.query<ResourceFigure>({
    name: 'api.count-resources',
    text: `
      select kind, coalesce(status ->> 'phase', 'Pending') as phase, count(*)::integer as resources,
             (count(*) filter (where (status ->> 'observedGeneration')::bigint is distinct from generation))::integer
               as waiting
        from platform.resources
       group by 1, 2
       order by 1, 2
       limit 200`,
  });
  return rows;
}
