import type { SchemaDefinition } from '../../contract/kinds.ts';
import type { Finding } from './finding.ts';
import { at, refuse } from './finding.ts';

export function* schemaLifecycle({ spec }: SchemaDefinition): Iterable<Finding> {
  const { deprecatedAt, sunsetAt, migrateFrom } = spec.lifecycle ?? {};
  const sunsetFirst =
    deprecatedAt !== undefined &&
    sunsetAt !== undefined &&
    Date.parse(sunsetAt) < Date.parse(deprecatedAt);
  if (sunsetFirst) {
    const message = `The sunset (${sunsetAt}) comes before the deprecation (${deprecatedAt}).`;
    const hint = 'A version is deprecated first, and goes away later.';
    yield refuse(at('spec', 'lifecycle', 'sunsetAt'), 'lifecycle', message, hint);
  }
  if (migrateFrom?.version === spec.version) {
    const message = `Version ${spec.version} is to take its records from itself.`;
    const hint = 'Name the version before it.';
    yield refuse(at('spec', 'lifecycle', 'migrateFrom', 'version'), 'lifecycle', message, hint);
  }
  yield* scalingBounds(spec.scaling);
}

function* scalingBounds(scaling: SchemaDefinition['spec']['scaling']): Iterable<Finding> {
  if (scaling === undefined || scaling.min <= scaling.max) return;
  const message = `scaling.min ${scaling.min} is above scaling.max ${scaling.max}.`;
  const hint = `Make min at most ${scaling.max}.`;
  yield refuse(at('spec', 'scaling', 'min'), 'min-max', message, hint);
}
