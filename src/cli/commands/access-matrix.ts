import { Command } from 'commander';
import type { Domain, SchemaDefinition } from '../../contract/kinds.ts';
import type { AccessMatrix } from '../../schema/access-matrix.ts';
import { accessMatrix } from '../../schema/access-matrix.ts';
import { csvOfMatrix, describeMatrix } from '../access-matrix-view.ts';
import type { Cli } from '../cli.ts';
import { print } from '../cli.ts';
import { connect, outputOf } from '../connect.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandFailure, usageFailure } from '../failures.ts';
import { example } from '../help.ts';
import { readManifestFiles } from '../manifest-files.ts';
import { collect } from '../option-values.ts';
import { printData } from '../output.ts';
import { listResources, locateResource } from '../resources-api.ts';

interface MatrixOptions {
  readonly namespace?: string;
  readonly file?: string[];
  readonly csv?: boolean;
}

interface Found {
  readonly schema: Pick<SchemaDefinition, 'spec'>;
  readonly domain: Pick<Domain, 'spec'> | undefined;
}

export function accessMatrixCommand(cli: Cli): Command {
  return new Command('matrix')
    .description('roles × operations × fields of a schema')
    .argument('<schema>', 'its name, for example order')
    .option('-n, --namespace <namespace>', 'where it is; without it, found by its name')
    .option('-f, --file <file>', 'manifests to read instead of asking an API (repeatable)', collect)
    .option('--csv', 'a line for each role, operation and field')
    .addHelpText('after', '\nWhat each role gives by itself; an actor has the sum of its roles.\n')
    .addHelpText(
      'after',
      example('velocity access matrix order', 'velocity access matrix order -f order.yaml --csv'),
    )
    .action(async (name: string, options: MatrixOptions, command: Command) => {
      const { schema, domain } =
        options.file === undefined
          ? await askForSchema(cli, command, name, options.namespace)
          : await readSchema(cli, options.file, name, options.namespace);
      const matrix: AccessMatrix = accessMatrix(schema.spec, domain?.spec.access);
      if (options.csv === true) print(cli, csvOfMatrix(matrix));
      else
        printData(cli, outputOf(command), matrix, () => describeMatrix(cli, schema.spec, matrix));
    });
}

async function askForSchema(
  cli: Cli,
  command: Command,
  name: string,
  chosen: string | undefined,
): Promise<Found> {
  const { api, context } = await connect(cli, command);
  const schema = await locateResource(api, 'SchemaDefinition', name, chosen ?? context.namespace);
  const [domain] = await listResources(api, 'Domain', schema.metadata.namespace);
  return {
    schema: schema as unknown as SchemaDefinition,
    domain: domain as unknown as Domain | undefined,
  };
}

/** Without its domain among the files the admin role is not known, and so not shown. */
async function readSchema(
  cli: Cli,
  files: readonly string[],
  name: string,
  namespace: string | undefined,
): Promise<Found> {
  const manifests = await readManifestFiles(cli, files);
  const { validateManifest } = await import('../../resources/manifest-validator.ts');
  const resources = manifests.flatMap(({ manifest, source }) => {
    const result = validateManifest(manifest);
    if ('resource' in result) return [result.resource];
    const [problem] = result.problems;
    throw usageFailure(
      `${source.file}:${source.line}: ${problem?.pointer ?? ''} ${problem?.message ?? 'is no manifest'}`,
      'velocity schema validate tells all of it.',
    );
  });
  const schemas = resources.filter(
    (one): one is SchemaDefinition =>
      one.kind === 'SchemaDefinition' &&
      one.metadata.name === name &&
      (namespace === undefined || one.metadata.namespace === namespace),
  );
  const [schema, other] = schemas;
  if (schema === undefined) {
    throw new CommandFailure(`there is no SchemaDefinition "${name}" in ${files.join(', ')}`, {
      exitCode: exitCodes.notFound,
    });
  }
  if (other !== undefined) {
    const namespaces = schemas.map(({ metadata }) => metadata.namespace).join(', ');
    throw usageFailure(`${schemas.length} schemas are called "${name}"`, `With -n: ${namespaces}.`);
  }
  const domain = resources.find(
    (one): one is Domain =>
      one.kind === 'Domain' && one.metadata.namespace === schema.metadata.namespace,
  );
  return { schema, domain };
}
