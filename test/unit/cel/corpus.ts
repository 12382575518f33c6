import { tests } from '@bufbuild/cel-spec/testdata/conformance.js';

/** CEL's own conformance corpus, as far as it needs no types that Velocity leaves out. */

interface Case {
  readonly path: string;
  readonly expr: string;
  /** What it gives, as text; undefined: an error. */
  readonly gives: string | undefined;
}

type Suite = typeof tests;
type Wire = Record<string, unknown>;

function casesOf(suite: Suite, path = ''): Case[] {
  const own = (suite.tests ?? []).flatMap(({ original }): Case[] => {
    const { expr, value, evalError, bindings, typeEnv, container } = original as Wire;
    if (bindings !== undefined || typeEnv !== undefined || container !== undefined) return [];
    const gives =
      evalError === undefined ? shownOf((value ?? { boolValue: true }) as Wire) : undefined;
    // The corpus asks some for their type alone.
    if (value === undefined && evalError === undefined && 'typedResult' in original) return [];
    return [{ path, expr: String(expr), gives }];
  });
  const inner = (suite.suites ?? []).flatMap((one) => casesOf(one, `${path}/${one.name}`));
  return [...own, ...inner];
}

function shownOf(value: Wire): string {
  const list = value['listValue'] as { values?: Wire[] } | undefined;
  if (list !== undefined) return `[${(list.values ?? []).map(shownOf)}]`;
  return shown(Object.values(value)[0]);
}

export function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shown)}]`;
  return Object.is(value, -0) ? '0' : String(value);
}

export const corpus: readonly Case[] = casesOf(tests);
