import type { FieldReference } from '../contract/kinds.ts';
import type { CompiledField, CompiledSchema } from '../schema/compile.ts';
import type { CompiledPolicy } from '../schema/policy.ts';
import { recordPolicies } from './compile-policy.ts';
import type { Masks } from './mask.ts';
import type { PlannedCondition } from './plan-condition.ts';
import { planRowFilter } from './plan-condition.ts';
import type { PlanProblem, Scope } from './plan-problem.ts';
import { findReadable, isProblem, isReadable, titleOf } from './plan-problem.ts';
import type { ReadAccess } from './read-access.ts';
import type { NamedAt } from './record-query.ts';
import { includesMax } from './record-query.ts';

const includeDepthMax = 2;

/** A record shown in place of the key that refers to it. */
export interface IncludePlan {
  /** The reference, a field of the including schema. */
  readonly field: CompiledField;
  readonly target: CompiledSchema;
  /** The target's field that the reference holds. */
  readonly key: string;
  readonly fields: readonly CompiledField[];
  readonly masks: Masks;
  readonly rowFilter: PlannedCondition | undefined;
  readonly policies: readonly CompiledPolicy[];
  readonly includes: readonly IncludePlan[];
}

export interface Schemas {
  /** The active schema behind a reference; undefined where there is none. */
  readonly findSchema: (reference: FieldReference) => CompiledSchema | undefined;
  /** What the caller may read of it; undefined: nothing. */
  readonly accessTo: (schema: CompiledSchema) => ReadAccess | undefined;
}

/** `a` and `a.b`: each path once, and with each path its beginning. */
export function planIncludes(
  scope: Scope,
  paths: readonly NamedAt[],
  schemas: Schemas,
  problems: PlanProblem[],
): IncludePlan[] {
  if (paths.length > includesMax) {
    problems.push(
      misfit('/include', 'maxItems', `at most ${includesMax} references can be included`),
    );
    return [];
  }
  const inner = new Map<string, NamedAt[]>();
  const first = new Map<string, string>();
  for (const { name, pointer } of paths) {
    const [head = '', ...rest] = name.split('.');
    if (rest.length >= includeDepthMax) {
      problems.push(misfit(pointer, 'depth', `"${name}" goes deeper than ${includeDepthMax}`));
      continue;
    }
    if (!first.has(head)) first.set(head, pointer);
    const deeper = inner.get(head) ?? [];
    if (rest.length > 0) deeper.push({ name: rest.join('.'), pointer });
    inner.set(head, deeper);
  }
  return [...inner].flatMap(([name, deeper]) => {
    const at = { name, pointer: first.get(name)! };
    const planned = planInclude(scope, { at, deeper }, schemas, problems);
    return planned === undefined ? [] : [planned];
  });
}

function planInclude(
  scope: Scope,
  path: { readonly at: NamedAt; readonly deeper: readonly NamedAt[] },
  schemas: Schemas,
  problems: PlanProblem[],
): IncludePlan | undefined {
  const { name, pointer } = path.at;
  const field = findReadable(scope, name, pointer);
  if (isProblem(field)) {
    problems.push(field);
    return undefined;
  }
  const reference = field.spec.ref;
  if (field.type !== 'ref' || reference === undefined) {
    const message = `"${name}" of ${titleOf(scope.schema)} is no reference and cannot be included`;
    problems.push(misfit(pointer, 'reference', message));
    return undefined;
  }
  // The record in place of its key would show what the mask of the key hides.
  if (scope.access.masks.has(name)) {
    problems.push(misfit(pointer, 'masked', `"${name}" is masked for you and cannot be included`));
    return undefined;
  }
  const target = schemas.findSchema(reference);
  const access = target === undefined ? undefined : schemas.accessTo(target);
  if (target === undefined || access === undefined) {
    problems.push({
      code: 'CROSS_SCHEMA_ACCESS_DENIED',
      pointer,
      rule: 'access',
      message: `what "${name}" refers to may not be read by you`,
    });
    return undefined;
  }
  return {
    field,
    target,
    key: reference.key ?? 'id',
    fields: [...target.fields.values()].filter((each) => isReadable(each, access)),
    masks: access.masks,
    rowFilter: access.rowFilter === undefined ? undefined : planRowFilter(target, access.rowFilter),
    policies: recordPolicies(access.policies),
    includes: planIncludes({ schema: target, access }, path.deeper, schemas, problems),
  };
}

function misfit(pointer: string, rule: string, message: string): PlanProblem {
  return { code: 'VALIDATION_ERROR', pointer, rule, message };
}
