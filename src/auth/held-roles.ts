import type { Identity, KeyScope } from '../contract/identity.ts';
import type { Operation } from '../contract/kinds.ts';
import type { BindingEntry } from '../resources/registry/snapshot.ts';
import type { CompiledSchema } from '../schema/compile.ts';

/** Every role that the caller holds for the schema, whatever it grants there: `actor.roles`. */
export function heldRoles(
  by: {
    readonly identity: Identity;
    readonly schema: CompiledSchema;
    readonly operation: Operation;
  },
  bindings: readonly BindingEntry[],
): string[] {
  const { identity, schema, operation } = by;
  const bound = bindings
    .filter(
      ({ scopes }) =>
        scopes.length === 0 || scopes.some((scope) => covers(scope, schema, operation)),
    )
    .flatMap(({ roles }) => [...roles, schema.access.defaultRole]);
  return [...new Set([...identity.roles, ...bound])].filter((role) => role !== undefined);
}

export function covers(scope: KeyScope, schema: CompiledSchema, operation: Operation): boolean {
  return (
    (scope.namespace === undefined || scope.namespace === schema.namespace) &&
    (scope.schema === '*' || scope.schema === schema.name) &&
    (scope.version === undefined || scope.version === schema.version) &&
    (scope.operations === undefined ||
      scope.operations.includes(operation) ||
      scope.operations.includes('*'))
  );
}
