/** What an explanation says, shared by the API that makes it and the command line that prints it. */

/** The seven layers in their order; a layer's number is its place, from 1. */
export const accessLayers = [
  'rbac',
  'policies',
  'cross-schema',
  'row-filter',
  'fields',
  'masks',
  'rls',
] as const;

export type AccessLayer = (typeof accessLayers)[number];

/** Where a rule is written: a resource, and a JSON pointer (RFC 6901) into it. */
export interface RulePlace {
  readonly kind: string;
  readonly namespace: string;
  /** Unknown for a key that only its hash names. */
  readonly name?: string;
  readonly pointer: string;
}

/** `none`: the rule is there and decides nothing here. */
export type RuleEffect = 'allow' | 'deny' | 'none';

/** One rule of a layer and what it said. */
export interface RuleReason {
  readonly rule: string;
  readonly effect: RuleEffect;
  readonly message: string;
  readonly place?: RulePlace;
  /** What was compared. A value that the asker may not see is `hiddenValue`. */
  readonly values?: Readonly<Record<string, unknown>>;
}

/** In the place of a value that the asker may not see. */
export const hiddenValue = '•••';

/** `skipped`: an earlier layer has denied, or there is nothing here to decide upon. */
export type Verdict = 'allow' | 'deny' | 'skipped';

export interface LayerVerdict {
  /** 1 to 7. */
  readonly layer: number;
  readonly name: AccessLayer;
  readonly verdict: Verdict;
  /** One sentence where the rules do not say it all. */
  readonly message?: string;
  readonly rules: readonly RuleReason[];
}

export interface RowFigure {
  readonly count: number;
  /** From the planner's statistics: counting went beyond its bound. */
  readonly estimated: boolean;
}

/** What of a list is seen. */
export interface RowFigures {
  /** Rows that the actor's list has in all. */
  readonly visible: RowFigure;
  /** Rows that row-level security keeps from it; null: the asker may not see those rows either. */
  readonly hiddenByRls: RowFigure | null;
  readonly message?: string;
}

export interface Explanation {
  readonly allowed: boolean;
  /** What the endpoint answers where a layer denies: 403 RBAC_DENIED, 404 ENTITY_NOT_FOUND … */
  readonly status?: number;
  readonly code?: string;
  readonly message: string;
  readonly actor: string;
  /** The key whose limits were counted in; absent: none, or the asker's own. */
  readonly key?: string;
  readonly operation: string;
  /** `{org}/{app}/{domain}/{object}/{version}` */
  readonly schema: string;
  readonly id?: string;
  readonly layers: readonly LayerVerdict[];
  readonly rows?: RowFigures;
  /** What would refuse the operation although every layer allows it: a freeze, a reason that lacks. */
  readonly besides?: { readonly code: string; readonly message: string };
}

/** What of an explanation stands in a denial's problem detail, for whoever may see it. */
export interface ShortExplanation extends Pick<LayerVerdict, 'layer' | 'name'> {
  readonly rules: readonly RuleReason[];
}
