import type { ChangeClass } from './diff.ts';

/**
 * verify: reads, and stops the plan when data does not fit. change: DDL in a transaction of its own.
 * build: CREATE INDEX CONCURRENTLY. backfill: committed batches. swap: together with all others of
 * its kind and with the activation, in one transaction.
 */
type StepMode = 'verify' | 'change' | 'build' | 'backfill' | 'swap';

export interface PlanStep {
  /** Unique in its plan. */
  readonly name: string;
  readonly mode: StepMode;
  readonly sql: string;
  readonly class: ChangeClass;
  /** The strongest lock on the record table, as Postgres calls it. */
  readonly lock: string;
  /** Reads every row. */
  readonly scans: boolean;
  /** Writes every row anew. */
  readonly rewrites: boolean;
  /** Readers and writers wait while it runs, which is milliseconds. */
  readonly blocks: boolean;
  /** Of a verify step: what is wrong with the records that it finds. */
  readonly unfit?: string;
  /** Of a build step: it is rebuilt when it is there but not valid. */
  readonly index?: string;
  /** Of a change step: its transaction is repeated until it answers that it `made` nothing more. */
  readonly repeats?: boolean;
  /** The same of a partitioned table: what is built on each partition, to be attached to `index`. */
  readonly ofPartitions?: {
    readonly unique: boolean;
    readonly definition: string;
    /** Tells the parts of one change from those of another. */
    readonly label: string;
    /** Of a repair, which may be of any version; absent: the table of the plan. */
    readonly table?: string;
  };
}

/** The most disturbing of these; safe where there is none. */
export function worstOf(parts: readonly { readonly class: ChangeClass }[]): ChangeClass {
  const order: readonly ChangeClass[] = ['breaking', 'online', 'safe'];
  return order.find((each) => parts.some((part) => part.class === each)) ?? 'safe';
}

/** What every artefact of a change is called until the swap gives it its name: no field begins so. */
export const nextPrefix = '_next';

/** The row trigger that fills in new columns while an old revision writes. */
export const migrateTrigger = 'velocity_migrate';

const ofMode = {
  verify: { lock: 'ACCESS SHARE', scans: true, rewrites: false, blocks: false },
  change: { lock: 'ACCESS EXCLUSIVE', scans: false, rewrites: false, blocks: true },
  build: { lock: 'SHARE UPDATE EXCLUSIVE', scans: true, rewrites: false, blocks: false },
  backfill: { lock: 'ROW EXCLUSIVE', scans: true, rewrites: true, blocks: false },
  swap: { lock: 'ACCESS EXCLUSIVE', scans: false, rewrites: false, blocks: true },
} as const;

/** A step with what its mode implies; `over` says what is otherwise. */
export function planStep(
  mode: StepMode,
  name: string,
  sql: string,
  over: Partial<PlanStep> = {},
): PlanStep {
  const online = mode === 'build' || mode === 'backfill' || mode === 'verify';
  return { name, mode, sql, class: online ? 'online' : 'safe', ...ofMode[mode], ...over };
}

/** VALIDATE CONSTRAINT reads every row beside the traffic. */
export const validating = {
  class: 'online',
  lock: 'SHARE UPDATE EXCLUSIVE',
  scans: true,
  blocks: false,
} as const satisfies Partial<PlanStep>;
