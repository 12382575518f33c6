import type { RE2JS } from 're2js';
import type { CelType } from './cel-type.ts';
import type { Overload } from './functions/overload.ts';

/** A checked expression: every node knows its type, and whether null is among its values. */
export type CelNode = NodeFacts & NodeForm;

interface NodeFacts {
  readonly type: CelType;
  readonly nullable: boolean;
  /** Calls inside one another; a chain of one operator counts as one. */
  readonly depth: number;
  /** Levels, chains counted link by link. */
  readonly height: number;
  /** Steps that an evaluation may take, lists being as long as they may. */
  readonly cost: number;
  /** Of a text: how many fields it may be put together of. */
  readonly texts: number;
}

export type NodeForm =
  | { readonly kind: 'literal'; readonly value: unknown }
  | FieldOf
  | { readonly kind: 'has'; readonly operand: CelNode }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'call'; readonly overload: Overload; readonly args: readonly CelNode[] }
  | {
      readonly kind: 'matches';
      readonly text: CelNode;
      readonly pattern: string;
      readonly compiled: RE2JS;
    }
  | { readonly kind: 'not'; readonly operand: CelNode }
  | {
      readonly kind: 'logic';
      readonly operator: '&&' | '||';
      readonly args: readonly [CelNode, CelNode];
    }
  | {
      readonly kind: 'equal';
      readonly negated: boolean;
      readonly args: readonly [CelNode, CelNode];
    }
  | { readonly kind: 'in'; readonly item: CelNode; readonly list: CelNode }
  | { readonly kind: 'choice'; readonly args: readonly [CelNode, CelNode, CelNode] }
  | { readonly kind: 'list'; readonly elements: readonly CelNode[] }
  | { readonly kind: 'element'; readonly list: CelNode; readonly index: CelNode }
  | { readonly kind: 'size'; readonly list: CelNode }
  | { readonly kind: 'join'; readonly args: readonly [CelNode, CelNode] }
  | Fold;

export interface FieldOf {
  readonly kind: 'field';
  readonly root: string;
  readonly field: string;
  readonly stored: string;
}

/** A macro over a list: `list.exists(variable, condition)`, `list.map(variable, condition, value)`. */
export interface Fold {
  readonly kind: 'fold';
  readonly macro: 'all' | 'exists' | 'exists_one' | 'map';
  readonly list: CelNode;
  readonly variable: string;
  readonly condition: CelNode | undefined;
  /** Of `map` and `filter`: what the new list holds. */
  readonly value: CelNode | undefined;
}

/** As the API takes it (schema/json-schema.ts): what a macro may go through. */
export const listItemsMax = 1_000;

/** The nodes right below. */
export function childrenOf(node: CelNode): readonly CelNode[] {
  switch (node.kind) {
    case 'literal':
    case 'field':
    case 'variable':
      return [];
    case 'has':
    case 'not':
      return [node.operand];
    case 'matches':
      return [node.text];
    case 'in':
      return [node.item, node.list];
    case 'list':
      return node.elements;
    case 'element':
      return [node.list, node.index];
    case 'size':
      return [node.list];
    case 'fold':
      return [node.list, node.condition, node.value].filter((one) => one !== undefined);
    case 'call':
    case 'logic':
    case 'equal':
    case 'choice':
    case 'join':
      return node.args;
  }
}
