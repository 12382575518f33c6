import { choosePort } from './ports.ts';
import { readJsonFile, writeJsonFile } from './state-folder.ts';

export interface DevPorts {
  readonly api: number;
  readonly postgres: number;
  readonly temporal: number;
  readonly temporalUi: number;
}

/** 5433 and not 5432: whoever develops often has a PostgreSQL of their own there. */
const defaultPorts: DevPorts = { api: 8080, postgres: 5433, temporal: 7233, temporalUi: 8233 };

/**
 * The ports of this run: those of the last one, else the defaults, else free ones, so that
 * addresses stay the same over restarts. Only a port that was asked for is an error when taken.
 */
export async function assignPorts(file: string, apiPort: number | undefined): Promise<DevPorts> {
  const last = await readJsonFile<Partial<DevPorts>>(file);
  const taken = new Set<number>();
  const assign = async (name: keyof DevPorts): Promise<number> => {
    const port = await choosePort([last?.[name], defaultPorts[name]], taken);
    taken.add(port);
    return port;
  };
  const ports: DevPorts = {
    api: apiPort === undefined ? await assign('api') : await claim(apiPort, taken),
    postgres: await assign('postgres'),
    temporal: await assign('temporal'),
    temporalUi: await assign('temporalUi'),
  };
  await writeJsonFile(file, ports);
  return ports;
}

async function claim(wanted: number, taken: Set<number>): Promise<number> {
  const port = await choosePort(wanted === 0 ? [] : [wanted]);
  if (wanted !== 0 && port !== wanted) {
    throw new Error(`port ${wanted} is taken; leave out --port to get a free one`);
  }
  taken.add(port);
  return port;
}
