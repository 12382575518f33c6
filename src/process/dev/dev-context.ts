import type { DevConsole } from './console.ts';
import type { DevPorts } from './dev-ports.ts';
import type { DevOptions } from './options.ts';
import type { DevSecrets } from './secrets.ts';
import type { StateFolder } from './state-folder.ts';
import type { Supervisor } from './supervisor.ts';

/** What every part of a start is given. */
export interface DevContext {
  readonly options: DevOptions;
  readonly folder: StateFolder;
  readonly secrets: DevSecrets;
  readonly ports: DevPorts;
  readonly supervisor: Supervisor;
  readonly console: DevConsole;
  /** Aborts when the run is asked to end. */
  readonly signal: AbortSignal;
}
