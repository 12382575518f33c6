import type { KubernetesRequest } from './client.ts';

/** Transport errors and refusals of the Kubernetes API, told apart by `status`. */
export class KubernetesError extends Error {
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
  /** The API server's word for it, such as `Conflict` or `Expired`. */
  readonly reason: string | undefined;
  /** What it says about single fields. */
  readonly causes: readonly StatusCause[];
  /** The object that it speaks of. */
  readonly object: string | undefined;

  private constructor(message: string, options: KubernetesErrorOptions) {
    super(message, { cause: options.cause });
    this.name = 'KubernetesError';
    this.status = options.status;
    this.reason = options.reason;
    this.causes = options.causes ?? [];
    this.object = options.object;
  }

  static unreachable({ method, path }: RequestName, cause: unknown): KubernetesError {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new KubernetesError(`${method} ${path} of the Kubernetes API: ${why}`, { cause });
  }

  static refused({ method, path }: RequestName, status: number, text: string): KubernetesError {
    const { message, reason, details } = parseStatus(text);
    return new KubernetesError(message ?? `${method} ${path}: HTTP ${status}`, {
      ...{ status, reason, causes: details?.causes, object: details?.name },
    });
  }

  /** What a watch reports in its stream. */
  static reported({ method, path }: RequestName, status: WatchStatus): KubernetesError {
    const { code, reason, message } = status;
    return new KubernetesError(message ?? `${method} ${path}`, { status: code, reason });
  }

  /** Nobody answered, or somebody who says that they cannot now: trying again can help. */
  get isAway(): boolean {
    return this.status === undefined || this.status === 429 || this.status >= 500;
  }

  /** The kind is known and the object is not there; a cluster without our CRDs names no object. */
  get isMissingObject(): boolean {
    return this.status === 404 && this.object !== undefined;
  }

  /** What was asked for has been forgotten: a list must start again, a watch from a new list. */
  get isExpired(): boolean {
    return this.status === 410;
  }
}

type RequestName = Pick<KubernetesRequest, 'method' | 'path'>;

interface KubernetesErrorOptions {
  readonly status?: number | undefined;
  readonly reason?: string | undefined;
  readonly causes?: readonly StatusCause[] | undefined;
  readonly object?: string | undefined;
  readonly cause?: unknown;
}

export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  /** `spec.fields[0].type`. */
  readonly field?: string;
}

/** `metav1.Status` as an ERROR event carries it. */
export interface WatchStatus {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
}

interface Status {
  readonly message?: string;
  readonly reason?: string;
  readonly details?: { readonly name?: string; readonly causes?: readonly StatusCause[] };
}

function parseStatus(text: string): Status {
  try {
    return JSON.parse(text) as Status;
  } catch {
    return {};
  }
}
