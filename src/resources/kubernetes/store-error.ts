import type { Problem } from '../../errors.ts';
import { VelocityError, validationError } from '../../errors.ts';
import type { StatusCause } from './kubernetes-error.ts';
import { KubernetesError } from './kubernetes-error.ts';

/** Runs one piece of work against the Kubernetes API; what it refuses becomes an error of ours. */
export async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof KubernetesError ? toVelocityError(error) : error;
  }
}

function toVelocityError(error: KubernetesError): Error {
  const { status, message } = error;
  if (error.isAway) {
    const said = 'The Kubernetes API, where resources live, cannot be reached.';
    return new VelocityError('KUBERNETES_UNAVAILABLE', said, { cause: error });
  }
  switch (status) {
    case 400:
    case 422:
      return validationError(message, refusedFields(error) ?? []);
    case 401:
    case 403: {
      // Rights arrive when somebody grants them, so trying again can help.
      const said = `The Kubernetes API does not let Velocity do this: ${message}`;
      const hint = 'Look at the roles of its service account.';
      return new VelocityError('KUBERNETES_UNAVAILABLE', said, { hint, cause: error });
    }
    case 404: {
      const said = 'The cluster does not know the kinds of velocity.sh.';
      const hint = 'Apply the CRDs: kubectl apply --server-side -f crds';
      return new VelocityError('KUBERNETES_UNAVAILABLE', said, { hint, cause: error });
    }
    case 409:
      return new VelocityError('OPTIMISTIC_LOCK_FAILED', 'The resource has changed meanwhile.', {
        hint: 'Read it again and repeat the change on its new version.',
        cause: error,
      });
    default:
      return error;
  }
}

/** What the API server, or a webhook of it, finds wrong with an object; undefined: it is no such error. */
export function refusedFields(error: unknown): Problem[] | undefined {
  if (!(error instanceof KubernetesError)) return undefined;
  const { status, causes, message } = error;
  if (status !== 400 && status !== 422) return undefined;
  return causes.length > 0 ? causes.map(problemOf) : [whole(message)];
}

function problemOf({ field, reason, message = '' }: StatusCause): Problem {
  return { pointer: toPointer(field ?? ''), rule: reason ?? 'kubernetes', message };
}

function whole(message: string): Problem {
  return { pointer: '', rule: 'kubernetes', message };
}

/** `spec.fields[0].type` → `/spec/fields/0/type`. */
function toPointer(field: string): string {
  if (field === '' || field === '<nil>') return '';
  return `/${field.replaceAll('[', '.').replaceAll(']', '').replaceAll('.', '/')}`;
}
