import type { Resource } from '../../contract/kinds.ts';
import { VelocityError } from '../../errors.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import { KubernetesError } from '../kubernetes/kubernetes-error.ts';
import { translated } from '../kubernetes/store-error.ts';
import type { SecretRef, SecretStore } from './secret-store.ts';

const managedBy = { 'app.kubernetes.io/managed-by': 'velocity' } as const;
/** Somebody writes another key of the same Secret: looked at again and tried again. */
const conflictsMax = 5;

interface Secret {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
}

/** Secrets of the cluster, in the namespace of what refers to them. */
export function openKubernetesSecrets(client: KubernetesClient): SecretStore {
  const find = (ref: SecretRef) =>
    client.find<Secret>({ method: 'GET', path: `${collectionOf(ref)}/${ref.name}` });

  async function tryWrite(ref: SecretRef, text: string, owner: Resource | undefined) {
    const data = { [ref.key]: Buffer.from(text, 'utf8').toString('base64') };
    const found = await find(ref);
    if (found === undefined) {
      const metadata = { name: ref.name, labels: managedBy, ...owners(owner) };
      const body = { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata, data };
      await client.request({ method: 'POST', path: collectionOf(ref), body });
      return;
    }
    refuseForeign(found, ref);
    const metadata = { ...found.metadata, ...owners(owner) };
    const body = { ...found, metadata, data: { ...found.data, ...data } };
    await client.request({ method: 'PUT', path: `${collectionOf(ref)}/${ref.name}`, body });
  }

  return {
    keepsApiKeys: true,
    read: (ref) =>
      translated(async () => {
        const text = (await find(ref))?.data?.[ref.key];
        return text === undefined ? undefined : Buffer.from(text, 'base64').toString('utf8');
      }),
    write: (ref, text, owner) =>
      translated(async () => {
        for (let conflicts = 0; ; conflicts += 1) {
          try {
            return await tryWrite(ref, text, owner);
          } catch (error) {
            const raced = error instanceof KubernetesError && error.status === 409;
            if (!raced || conflicts >= conflictsMax) throw error;
          }
        }
      }),
  };
}

/** The garbage collector of the cluster removes it after its owner: nobody needs the right to. */
function owners(owner: Resource | undefined) {
  const uid = owner?.metadata.uid;
  if (owner === undefined || uid === undefined) return {};
  const { apiVersion, kind, metadata } = owner;
  return { ownerReferences: [{ apiVersion, kind, name: metadata.name, uid }] };
}

function refuseForeign({ metadata }: Secret, { namespace, name }: SecretRef): void {
  const [[label, value]] = Object.entries(managedBy) as [[string, string]];
  if (metadata.labels?.[label] === value) return;
  const message = `Secret "${name}" in namespace "${namespace}" is not Velocity's.`;
  throw new VelocityError('REFERENCE_CONFLICT', message, {
    hint: `Change it with kubectl, or give it the label ${label}=${value}.`,
  });
}

function collectionOf({ namespace }: SecretRef): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets`;
}
