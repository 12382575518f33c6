/** `admission.k8s.io/v1`, as much of it as is asked and answered here. */
export interface AdmissionRequest {
  readonly uid: string;
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly kind: { readonly kind: string };
  readonly name?: string;
  readonly namespace?: string;
  readonly userInfo: { readonly username?: string };
  readonly object: KubernetesObject | null;
  readonly oldObject: KubernetesObject | null;
}

export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly generation?: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
}

export interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: RefusalStatus;
  readonly warnings?: readonly string[];
  readonly patchType?: 'JSONPatch';
  /** Base64 of a JSON Patch. */
  readonly patch?: string;
}

/** `metav1.Status`: what kubectl prints and a program takes apart. */
interface RefusalStatus {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly details?: {
    readonly name?: string;
    readonly kind?: string;
    readonly causes: readonly RefusalCause[];
  };
}

export interface RefusalCause {
  /** The rule that refuses. */
  readonly reason: string;
  readonly message: string;
  /** `spec.fields[3].min` */
  readonly field: string;
}

export const admissionApiVersion = 'admission.k8s.io/v1';

/** Undefined when the body is no AdmissionReview with a request in it. */
export function parseAdmissionRequest(body: unknown): AdmissionRequest | undefined {
  const { apiVersion, kind, request } = (body ?? {}) as Record<string, unknown>;
  if (apiVersion !== admissionApiVersion || kind !== 'AdmissionReview') return undefined;
  const { uid, operation, kind: of, userInfo, object } = (request ?? {}) as Record<string, unknown>;
  const complete =
    typeof uid === 'string' &&
    typeof operation === 'string' &&
    typeof of === 'object' &&
    typeof userInfo === 'object' &&
    userInfo !== null &&
    typeof object === 'object';
  return complete ? (request as AdmissionRequest) : undefined;
}
