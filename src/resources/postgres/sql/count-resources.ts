import type { Pool } from '../../../store/pool.ts';
import type { ResourceFigure } from '../../resource-figures.ts';

/** Counted where they are: a scrape costs one read of the table. */
export async function countResources(pool: Pool): Promise<ResourceFigure[]> {
  const { rows } = await pool.query<ResourceFigure>({
    name: 'resources.count',
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
