import { performance } from 'node:perf_hooks';

const bannerGap = 2;

/** What a person sees of a run: steps while it starts, warnings while it runs. */
export interface DevConsole {
  /** One line. */
  say(text: string): void;
  /** Runs a step of the start and says what it was and how long it took. */
  step<T>(what: string, work: () => Promise<T>): Promise<T>;
  /** One line of a child or of the folder watcher. */
  log(source: string, text: string): void;
}

export function createConsole(write: (text: string) => void): DevConsole {
  const say = (text: string): void => write(`${text}\n`);
  return {
    say,
    step: async (what, work) => {
      const start = performance.now();
      const result = await work();
      say(`  ✓ ${what} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
      return result;
    },
    log: (source, text) => say(`${source.padEnd(8)} │ ${text}`),
  };
}

/** Two aligned columns. */
export function formatTable(rows: readonly (readonly [label: string, value: string])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length)) + bannerGap;
  return rows.map(([label, value]) => `  ${label.padEnd(width)}${value}`).join('\n');
}
