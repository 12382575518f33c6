import { Command } from 'commander';
import type { Problem } from '../../errors.ts';
import type { ReadManifest } from '../../resources/manifest-reader.ts';
import type { Cli } from '../cli.ts';
import { remark } from '../cli.ts';
import { connect } from '../connect.ts';
import { ApiRefusal, CommandFailure } from '../failures.ts';
import { example } from '../help.ts';
import { readManifestFiles } from '../manifest-files.ts';
import { parseSeconds } from '../option-values.ts';
import { printData } from '../output.ts';
import type { ApplyOutcome } from '../resources-api.ts';
import { applyResources } from '../resources-api.ts';
import { waitUntilReady } from '../wait-until-ready.ts';

interface ApplyOptions {
  readonly file: string[];
  readonly dryRun?: boolean;
  readonly wait?: boolean;
  readonly timeout: number;
}

export function applyCommand(cli: Cli): Command {
  return new Command('apply')
    .description('create or change resources from manifests, all or none')
    .requiredOption('-f, --file <path...>', 'file, folder, or - for standard input')
    .option('--dry-run', 'check everything and say what would change; keep nothing')
    .option('--wait', 'wait until every resource is Ready')
    .option('--timeout <seconds>', 'how long --wait waits', parseSeconds, 120)
    .addHelpText('after', example('velocity apply -f samples/flights --wait'))
    .action(async (options: ApplyOptions, command: Command) => {
      const { api, output } = await connect(cli, command);
      const manifests = await readManifestFiles(cli, options.file);
      const items = manifests.map(({ manifest }) => manifest);
      const outcomes = await applyResources(api, items, { dryRun: options.dryRun === true }).catch(
        (error: unknown) => {
          throw locate(error, manifests);
        },
      );
      for (const { resource, warnings = [] } of outcomes) {
        for (const warning of warnings) remark(cli, `warning: ${nameOf(resource)}: ${warning}`);
      }
      printData(cli, output, outcomes, () => ({
        head: ['KIND', 'NAMESPACE', 'NAME', options.dryRun ? 'WOULD BE' : 'OUTCOME'],
        rows: outcomes.map(({ outcome, resource: { kind, metadata } }) => [
          kind,
          metadata.namespace,
          metadata.name,
          outcome,
        ]),
      }));
      if (options.wait && !options.dryRun) {
        const resources = outcomes.map(({ resource }) => resource);
        await waitUntilReady(cli, api, resources, options.timeout * 1_000);
      }
    });
}

function nameOf({ kind, metadata }: ApplyOutcome['resource']): string {
  return `${kind} ${metadata.namespace}/${metadata.name}`;
}

/** Puts file and line before each problem: `/items/3/spec/…` means nothing to who wrote a folder. */
function locate(error: unknown, manifests: readonly ReadManifest[]): unknown {
  const problems = error instanceof ApiRefusal ? error.problem.details?.problems : undefined;
  if (problems === undefined || problems.length === 0) return error;
  const lines = problems.map((problem) => locateProblem(problem, manifests));
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
  return new CommandFailure(`nothing was applied: ${count}\n${lines.join('\n')}`, {
    exitCode: (error as ApiRefusal).exitCode,
    cause: error,
  });
}

/** A set's problem names its manifest; one found before the set was read has it in the pointer. */
function locateProblem(
  problem: Problem & { readonly manifest?: number },
  manifests: readonly ReadManifest[],
): string {
  const match = /^\/items\/(?<index>\d+)(?<rest>.*)$/.exec(problem.pointer);
  const manifest = manifests[problem.manifest ?? Number(match?.groups?.['index'] ?? 0)];
  const pointer = match?.groups?.['rest'] ?? problem.pointer;
  const { file } = manifest?.source ?? { file: '' };
  const place = manifest === undefined ? '' : `${file}:${manifest.lineOf(pointer)}: `;
  const hint = problem.hint === undefined ? '' : `\n    hint: ${problem.hint}`;
  return `  ${place}${pointer === '' ? '' : `${pointer} `}${problem.message}${hint}`;
}
