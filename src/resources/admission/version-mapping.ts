import type { Field, SchemaDefinition } from '../../contract/kinds.ts';
import { columnType } from '../../schema/column-type.ts';
import { recordTableName, referenceKeyType } from '../../schema/compile.ts';
import { compileMapping } from '../../schema/compile-mapping.ts';
import { mapVersion } from '../../schema/version-mapping.ts';
import type { Finding } from './finding.ts';
import { at, quoted, refuse, warn } from './finding.ts';
import type { AdmissionView } from './view.ts';

/**
 * A mapping names fields of this version, and its expressions fit the one before it: that one is at
 * hand as long as it is what is stored. What else a promotion needs is warned of, since it comes later.
 */
export function* versionMapping(schema: SchemaDefinition, view: AdmissionView): Iterable<Finding> {
  const { spec, metadata } = schema;
  const { migrateFrom } = spec.lifecycle ?? {};
  if (migrateFrom === undefined) return;
  const names = spec.fields.map(({ name }) => name);
  const pointer = (name: string): string => at('spec', 'lifecycle', 'migrateFrom', 'mapping', name);
  for (const name of Object.keys(migrateFrom.mapping ?? {})) {
    if (names.includes(name)) continue;
    const message = `The mapping names "${name}", which is no field of ${spec.version}.`;
    yield refuse(pointer(name), 'mapping', message, `It has ${quoted(names)}.`);
  }
  const before = view.findStored<'SchemaDefinition'>(schema)?.spec;
  if (before === undefined || before.version !== migrateFrom.version) return;
  const typeOf = (field: Field): string => {
    const ofKey = () =>
      referenceKeyType(field.ref, (path) => {
        const [org, app, domain, object] = path.split('/');
        return view.find('SchemaDefinition', `${org}-${app}-${domain}`, object ?? '')?.spec;
      });
    return columnType(field, field.type === 'ref' ? ofKey() : undefined);
  };
  const end = ({ version }: { version: string }) => recordTableName(metadata.name, version);
  const from = { spec: before, pgTable: end(before), typeOf };
  const to = { spec, pgTable: end(spec), typeOf };
  for (const field of spec.fields) {
    const expression = migrateFrom.mapping?.[field.name];
    if (expression === undefined) continue;
    const compiled = compileMapping(from)(expression, field, typeOf(field));
    if (!('problem' in compiled)) continue;
    const hint = `self is the record as ${before.version} has it.`;
    yield refuse(pointer(field.name), 'mapping', compiled.problem, hint);
  }
  const { leftBehind } = mapVersion(from, to, compileMapping(from));
  if (leftBehind.length === 0) return;
  yield warn(`${spec.version} takes nothing from ${quoted(leftBehind)} of ${before.version}.`);
}
