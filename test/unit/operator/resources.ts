import type { Kind, Resource } from '../../../src/contract/kinds.ts';
import { finalizer } from '../../../src/contract/names.ts';

/** A resource as the store gives it; `over` replaces what a test is about. */
export function resourceOf(
  kind: Kind,
  over: { metadata?: object; spec?: object; status?: object } = {},
): Resource {
  return {
    apiVersion: 'velocity.sh/v1',
    kind,
    metadata: {
      name: 'thing',
      namespace: 'acme-shop-sales',
      generation: 2,
      finalizers: [finalizer],
      ...over.metadata,
    },
    spec: { ...over.spec },
    ...(over.status === undefined ? {} : { status: over.status }),
  } as unknown as Resource;
}

export function condition(type: string, status: 'True' | 'False', reason: string): object {
  return { type, status, reason, message: '', lastTransitionTime: '2026-01-01T00:00:00.000Z' };
}
