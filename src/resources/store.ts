import type { Kind, Resource } from '../contract/kinds.ts';
import type { Problem } from '../errors.ts';
import type { ResourceFigure } from './resource-figures.ts';

export interface ResourceKey {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
}

export interface ApplyOptions {
  /** Runs everything, admission included, and keeps nothing. */
  readonly dryRun?: boolean;
  /** When given, the stored resource must still be at this version (OPTIMISTIC_LOCK_FAILED). */
  readonly resourceVersion?: string;
  /** Who applies; kept for the audit. */
  readonly actor?: string;
}

export interface ApplyResult {
  readonly outcome: 'created' | 'configured' | 'unchanged';
  readonly resource: Resource;
  /** Sentences about what is declared but not acted upon, and other advice. Never errors. */
  readonly warnings: readonly string[];
}

/** One of `details.problems` when `apply` refuses: which manifest of the set, and where in it. */
export interface ManifestSetProblem extends Problem {
  /** Index into the manifests that were given. */
  readonly manifest: number;
  /** `SchemaDefinition "airport" in namespace "demo-flights-network"`. */
  readonly resource: string;
}

export interface WatchHandlers {
  /** A key whose resource was written or removed; read it again to know its state. */
  onKey(key: ResourceKey): void;
  /** The watch cannot vouch for completeness until the next `onSync`. */
  onDisconnect?(cause: unknown): void;
  /** Everything that existed has been handed to `onKey`; called again after each resync. */
  onSync?(): void;
}

/** Everything written by desired state goes through here; the Kubernetes store has the same face. */
export interface ResourceStore {
  /** `live`: as it is stored now or not at all, for whoever decides by it what may be written. */
  list(filter?: { kind?: Kind; namespace?: string; live?: boolean }): Promise<Resource[]>;
  find(key: ResourceKey): Promise<Resource | undefined>;
  /** Who asked for the spec as it is now. Undefined: nobody can tell, or there is no such resource. */
  findRequester(key: ResourceKey): Promise<string | undefined>;
  /** Who set the annotation that approves this plan. Undefined: nobody can tell. */
  findApprover(key: ResourceKey, plan: string): Promise<string | undefined>;
  /** How the resources stand, for metrics: what was seen last is good enough. */
  count(): Promise<ResourceFigure[]>;
  /**
   * Validates, admits and stores manifests as one set, so that they may refer to each other; all or
   * none. `generation` rises only when the spec changes. Throws VALIDATION_ERROR with every problem.
   */
  apply(manifests: readonly unknown[], options?: ApplyOptions): Promise<ApplyResult[]>;
  /**
   * Replaces `status`; writes nothing when it is unchanged, nor when the resource is missing or not
   * `as` it was when it was looked at.
   */
  patchStatus(
    key: ResourceKey,
    status: Record<string, unknown>,
    as?: { readonly uid?: string; readonly resourceVersion?: string },
  ): Promise<void>;
  addFinalizer(key: ResourceKey, finalizer: string): Promise<void>;
  /** Also removes the resource when it is being deleted and this was the last one. */
  removeFinalizer(key: ResourceKey, finalizer: string): Promise<void>;
  /** Marks for deletion; removes at once when no finalizer holds it. Undefined when it did not exist. */
  delete(
    key: ResourceKey,
    options?: { dryRun?: boolean; resourceVersion?: string },
  ): Promise<Resource | undefined>;
  /** Keys first as they are, then as they change, and all again every resync period. */
  watch(handlers: WatchHandlers, signal: AbortSignal): Promise<void>;
}
