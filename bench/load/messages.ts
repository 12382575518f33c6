/** What the loader is told and what it answers, over the channel to its parent. */
export const operations = ['get', 'list', 'create', 'update', 'bulk'] as const;
export type Operation = (typeof operations)[number];

export interface Target {
  readonly port: number;
  readonly key: string;
  /** Where the records of gets are; absent: the orders. */
  readonly path?: string;
}

export type LoaderRequest =
  /** Records that gets and updates may use; all are at version 1. */
  | { readonly type: 'records'; readonly ids: readonly string[] }
  | {
      readonly type: 'run';
      readonly operation: Operation;
      readonly target: Target;
      readonly connections: number;
      /** The run ends after this time, or after this many requests. */
      readonly seconds: number;
      readonly requestsMax?: number;
    };

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Share of one core that the loader itself used: near 1, it measures itself. */
  readonly loaderCpu: number;
}

export type LoaderAnswer =
  | { readonly type: 'ready' }
  | { readonly type: 'result'; readonly result: LoadResult }
  | { readonly type: 'failed'; readonly message: string };
