/** The long-running parts of Velocity and its migrations: `velocity {name}` starts one. */
export const processes = {
  dev: 'everything on this machine: PostgreSQL, Temporal, worker, operator and API',
  api: 'serve the REST API',
  worker: 'run workflows and activities',
  operator: 'watch resources and start workflows',
  migrate: 'bring the platform tables and roles up to date',
} as const;

export type ProcessName = keyof typeof processes;
