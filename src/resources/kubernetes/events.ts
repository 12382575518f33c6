import { createHash } from 'node:crypto';
import type { Kind, Phase, Resource } from '../../contract/kinds.ts';
import { apiVersion } from '../../contract/names.ts';
import { findCondition } from '../status.ts';
import type { KubernetesClient } from './client.ts';
import { KubernetesError } from './kubernetes-error.ts';
import type { ResourceObject } from './resource-object.ts';
import { toResource } from './resource-object.ts';

/** As many at once, then one after the other: nobody reads more, and etcd is not for logs. */
const burstMax = 300;
const refillPerSecond = 10;
/** What an Event may hold. */
const messageMax = 1_024;

const warnings: ReadonlySet<Phase> = new Set(['Failed', 'Frozen', 'Drifted']);

interface StatusChange {
  readonly before: ResourceObject;
  readonly after: ResourceObject;
}

/** Retells changes of status as Kubernetes Events, for `kubectl describe`. Never waited for. */
export interface EventTeller {
  tell(kind: Kind, change: StatusChange): void;
}

/** `nowMs`: a clock that never goes back. */
export function createEventTeller(client: KubernetesClient, nowMs: () => number): EventTeller {
  let allowance = burstMax;
  let countedAt = nowMs();
  const allowed = (): boolean => {
    const now = nowMs();
    allowance = Math.min(burstMax, allowance + ((now - countedAt) / 1_000) * refillPerSecond);
    countedAt = now;
    if (allowance < 1) return false;
    allowance -= 1;
    return true;
  };

  return {
    tell: (kind, { before, after }) => {
      const news = newsOf(toResource(kind, before), toResource(kind, after));
      if (news === undefined || !allowed()) return;
      // The status has been written, and that is what counts.
      void putEvent(client, { kind, object: after, ...news }).catch(() => undefined);
    },
  };
}

export interface News {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** What a person would want to hear: another phase, or the same one for another reason. */
export function newsOf(before: Resource, after: Resource): News | undefined {
  const [was, is] = [summaryOf(before), summaryOf(after)];
  if (is === undefined) return undefined;
  if (was?.reason === is.reason && was.message === is.message) return undefined;
  return is;
}

/** A refused deletion speaks for itself: the phase stays what it was. */
function summaryOf(resource: Resource): News | undefined {
  const phase = resource.status?.phase;
  const deletion = findCondition(resource, 'Deletion');
  if (deletion?.status === 'False') {
    const { reason, message } = deletion;
    return { type: 'Warning', reason: 'DeletionRefused', message: `${reason}: ${message}` };
  }
  const ready = findCondition(resource, 'Ready');
  if (phase === undefined || ready === undefined) return undefined;
  const type = warnings.has(phase) ? 'Warning' : 'Normal';
  if (phase === 'Ready') return { type, reason: ready.reason, message: ready.message };
  // A schema that serves, and of which there is more to tell: drift, or a freeze by hand.
  const more = ready.status === 'True' ? findCondition(resource, phase) : undefined;
  if (more !== undefined) return { type, reason: phase, message: more.message };
  return { type, reason: phase, message: `${ready.reason}: ${ready.message}` };
}

interface EventObject {
  readonly metadata: { readonly resourceVersion: string };
  readonly count?: number;
}

/** The same news of the same object is one Event that counts. */
async function putEvent(
  client: KubernetesClient,
  { kind, object, type, reason, message }: News & { kind: Kind; object: ResourceObject },
): Promise<void> {
  const { name, namespace, uid, resourceVersion } = object.metadata;
  const collection = `/api/v1/namespaces/${namespace}/events`;
  const digest = createHash('sha256')
    .update(JSON.stringify([uid, reason, message]))
    .digest('hex');
  const eventName = `${name}.${digest.slice(0, 16)}`;
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  const body = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: eventName, namespace },
    involvedObject: { apiVersion, kind, name, namespace, uid, resourceVersion },
    ...{ type, reason, message: message.slice(0, messageMax) },
    source: { component: 'velocity' },
    ...{ firstTimestamp: now, lastTimestamp: now, count: 1 },
    reportingComponent: 'velocity',
    reportingInstance: '',
  };
  try {
    await client.request({ method: 'POST', path: collection, body });
  } catch (error) {
    if (!(error instanceof KubernetesError) || error.status !== 409) throw error;
    const path = `${collection}/${eventName}`;
    const known = await client.find<EventObject>({ method: 'GET', path });
    if (known === undefined) return;
    const counted = { ...known, count: (known.count ?? 1) + 1, lastTimestamp: now };
    await client.request({ method: 'PUT', path, body: counted });
  }
}
