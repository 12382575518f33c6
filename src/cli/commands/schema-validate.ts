import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { outputOf } from '../connect.ts';
import { exitCodes } from '../exit-codes.ts';
import { example } from '../help.ts';
import { readManifestFiles } from '../manifest-files.ts';
import { printData } from '../output.ts';
import type { Finding } from '../validate-manifests.ts';

export function schemaValidateCommand(cli: Cli): Command {
  return new Command('validate')
    .description('check manifests without an API: structure, names, rules of admission')
    .argument('<file...>', 'files, folders, or - for standard input')
    .addHelpText('after', '\nWhat the files refer to and do not hold is taken to exist.\n')
    .addHelpText('after', example('velocity schema validate samples/flights'))
    .action(async (files: string[], _: unknown, command: Command) => {
      const manifests = await readManifestFiles(cli, files);
      // Compiling the validators takes longer than starting all the rest of this program.
      const { validateManifests } = await import('../validate-manifests.ts');
      const findings = validateManifests(manifests);
      printData(cli, outputOf(command), findings, () => describe(findings, manifests.length));
      if (findings.some(({ severity }) => severity === 'error')) cli.exitCode = exitCodes.failure;
    });
}

/** One line each, as compilers write them, so that editors can jump there. */
function describe(findings: readonly Finding[], manifests: number): string {
  const lines = findings.map(({ file, line, severity, pointer, message, hint }) => {
    const place = pointer === undefined || pointer === '' ? '' : `${pointer} `;
    const after = hint === undefined ? '' : `\n    hint: ${hint}`;
    return `${file}:${line}: ${severity}: ${place}${message}${after}`;
  });
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const counts = [`${manifests} manifest${manifests === 1 ? '' : 's'}`];
  counts.push(errors === 0 ? 'valid' : `${errors} error${errors === 1 ? '' : 's'}`);
  const warnings = findings.length - errors;
  if (warnings > 0) counts.push(`${warnings} warning${warnings === 1 ? '' : 's'}`);
  return [...lines, counts.join(', ')].join('\n');
}
