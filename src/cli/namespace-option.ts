import type { FoundContext } from './contexts.ts';
import { usageFailure } from './failures.ts';

/** For what is made rather than found: guessing where would be wrong half the time. */
export function requireNamespace(given: string | undefined, context: FoundContext): string {
  const namespace = given ?? context.namespace;
  if (namespace !== undefined) return namespace;
  throw usageFailure(
    'a namespace is needed',
    'Give -n ORG-APP-DOMAIN, or keep one: velocity context set NAME --namespace …',
  );
}
