import { readdir, readFile } from 'node:fs/promises';

/** Linux counts CPU time in these (sysconf(_SC_CLK_TCK), 100 on every platform it runs on). */
const ticksPerSecond = 100;

/** Resident set of a process in KB; 0 once it has ended. */
export async function readRssKb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
}

/** CPU seconds that a process has used. */
export async function readCpuSeconds(pid: number): Promise<number> {
  return (await readStat(pid)).cpuSeconds;
}

/** CPU seconds of the children that a process has now. */
export async function readChildrenCpuSeconds(parent: number): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const stats = await Promise.all(pids.map(readStat));
  return stats
    .filter((stat) => stat.parent === parent)
    .reduce((sum, stat) => sum + stat.cpuSeconds, 0);
}

/** Fields 4, 14 and 15 of /proc/PID/stat, counted behind the name, which may hold spaces. */
async function readStat(pid: number): Promise<{ parent: number; cpuSeconds: number }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    parent: Number(fields[1] ?? 0),
    cpuSeconds: (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond,
  };
}
