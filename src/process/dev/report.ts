import { relative } from 'node:path';
import type { DevConsole } from './console.ts';
import { formatTable } from './console.ts';
import type { DevContext } from './dev-context.ts';
import type { Platform } from './start-platform.ts';
import { writeJsonFile } from './state-folder.ts';

/** What runs and where, for programs: the content of `.velocity/dev.json`. */
export interface DevReport {
  readonly apiUrl: string;
  readonly docsUrl: string;
  /** Null when the Temporal server is the caller's own. */
  readonly temporalUiUrl: string | null;
  readonly temporalAddress: string;
  /** Logs in as velocity_operator. */
  readonly postgresUrl: string;
  readonly adminKey: string;
}

export async function writeReport(context: DevContext, platform: Platform): Promise<DevReport> {
  const report: DevReport = {
    apiUrl: platform.apiUrl,
    docsUrl: `${platform.apiUrl}/api/docs`,
    temporalUiUrl: platform.temporalUiUrl ?? null,
    temporalAddress: platform.temporalAddress,
    postgresUrl: platform.database.operatorUrl,
    adminKey: platform.database.adminKey,
  };
  await writeJsonFile(context.folder.report, report);
  return report;
}

/** The table a person reads. Passwords stay out of it; the admin key is shown when it is new. */
export function printReport(
  console: DevConsole,
  options: {
    readonly report: DevReport;
    readonly reportFile: string;
    readonly adminKeyIsNew: boolean;
    readonly dir: string | undefined;
  },
): void {
  const { report } = options;
  const postgres = new URL(report.postgresUrl);
  postgres.password = '';
  console.say('');
  console.say(
    formatTable([
      ['API', report.apiUrl],
      ['API docs', report.docsUrl],
      ['Temporal UI', report.temporalUiUrl ?? `(yours: ${report.temporalAddress})`],
      ['PostgreSQL', postgres.href],
      ['Admin key', options.adminKeyIsNew ? report.adminKey : `kept in ${options.reportFile}`],
      ['Next', nextCommand(options.dir)],
    ]),
  );
  if (options.adminKeyIsNew) {
    console.say(`\n  The key is shown this once; it is also kept in ${options.reportFile}.`);
  }
  console.say('  Ctrl-C stops everything.\n');
}

/** In a clone there is no `velocity` on the PATH: the program as it was called is what to type. */
function nextCommand(dir: string | undefined): string {
  const called = process.argv[1] ?? '';
  const program = called.endsWith('.mjs') ? relative(process.cwd(), called) : 'velocity';
  return dir === undefined ? `${program} apply -f FOLDER` : `${program} status`;
}
