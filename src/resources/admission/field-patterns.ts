import { RE2JS, RE2JSSyntaxException } from 're2js';
import type { SchemaDefinition } from '../../contract/kinds.ts';
import type { Finding } from './finding.ts';
import { at, refuse } from './finding.ts';

/** Patterns run in linear time: what RE2 cannot compile (look-around, back references) is refused. */
export function* fieldPatterns({ spec }: SchemaDefinition): Iterable<Finding> {
  for (const [i, { name, pattern }] of spec.fields.entries()) {
    if (pattern === undefined) continue;
    const compiled = compilePattern(pattern);
    if (!('error' in compiled)) continue;
    const message = `The pattern of "${name}" is not a linear-time regular expression: ${compiled.error}.`;
    const hint =
      'Use the syntax of RE2: no look-ahead, no look-behind, no back references, repetition up to 1000.';
    yield refuse(at('spec', 'fields', i, 'pattern'), 'pattern', message, hint);
  }
}

export function compilePattern(pattern: string): { regex: RE2JS } | { error: string } {
  try {
    return { regex: RE2JS.compile(pattern) };
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    return { error: error.message };
  }
}
