import type {
  Explanation,
  LayerVerdict,
  RowFigure,
  RulePlace,
  RuleReason,
} from '../contract/explanation.ts';
import type { ReadManifest } from '../resources/manifest-reader.ts';
import type { Cli } from './cli.ts';
import { cell, renderTable } from './output.ts';

/** The answer first, then every layer with its rules, then what of a list is there. */
export function describeExplanation(
  cli: Cli,
  explanation: Explanation,
  manifests: readonly ReadManifest[],
): string {
  const { message, status, code, layers, rows, besides } = explanation;
  const table = renderTable(cli, {
    head: ['LAYER', 'SAYS', 'RULE', 'WHY', 'WHERE'],
    rows: layers.flatMap((layer) => rowsOf(layer, (place) => whereIs(place, manifests))),
  });
  const lines = [code === undefined ? message : `${message} The answer is ${status} ${code}.`];
  if (besides !== undefined) lines.push(`Besides: ${besides.code}: ${besides.message}`);
  lines.push('', table);
  if (rows !== undefined) {
    const hidden = rows.hiddenByRls;
    lines.push('', `rows the list has: ${figure(rows.visible)}`);
    lines.push(
      `rows that row-level security hides: ${hidden === null ? 'not told' : figure(hidden)}`,
    );
    if (rows.message !== undefined) lines.push(`  ${rows.message}`);
  }
  return lines.join('\n');
}

function figure({ count, estimated }: RowFigure): string {
  return estimated ? `about ${count} (estimated)` : String(count);
}

const says = { allow: 'allow', deny: 'DENY', skipped: '-', none: '' } as const;

/** The layer's own line, unless its rules are all there is to say. */
function rowsOf(
  { layer, name, verdict, message, rules }: LayerVerdict,
  where: (place: RulePlace | undefined) => string,
): string[][] {
  const own = [`${layer} ${name}`, says[verdict], '', message ?? '', ''];
  return [
    own,
    ...rules.map((rule) => ['', says[rule.effect], rule.rule, whyOf(rule), where(rule.place)]),
  ];
}

function whyOf({ message, values }: RuleReason): string {
  const shown = Object.entries(values ?? {}).map(([name, value]) => `${name} = ${cell(value)}`);
  return shown.length === 0 ? message : `${message} (${shown.join(', ')})`;
}

/** A line of the file that the rule was written in, where that file is at hand. */
function whereIs(place: RulePlace | undefined, manifests: readonly ReadManifest[]): string {
  if (place === undefined) return '';
  const { kind, namespace, name, pointer } = place;
  const written = manifests.find(({ manifest }) => {
    const found = manifest as {
      kind?: unknown;
      metadata?: { namespace?: unknown; name?: unknown };
    };
    return (
      found?.kind === kind &&
      found.metadata?.namespace === namespace &&
      found.metadata.name === name
    );
  });
  if (written !== undefined) return `${written.source.file}:${written.lineOf(pointer)}`;
  return [kind, name, pointer].filter(Boolean).join(' ');
}
