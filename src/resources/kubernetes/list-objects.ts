import type { Kind } from '../../contract/kinds.ts';
import type { ResourceKey } from '../store.ts';
import type { KubernetesClient } from './client.ts';
import { KubernetesError } from './kubernetes-error.ts';
import type { ResourceObject } from './resource-object.ts';
import { collectionPath } from './resource-object.ts';

/** Objects asked for at once: some 10 MB of the largest schemas. */
const pageSize = 500;
/** A hundred thousand resources of a kind. */
const pagesMax = 200;
/** A list whose continuation was forgotten begins again, this often. */
const startsMax = 3;

export interface ObjectList {
  readonly items: readonly ResourceObject[];
  /** The state that the list shows: a watch goes on from here. */
  readonly resourceVersion: string;
}

interface Page {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  /** Null: there are none. */
  readonly items: readonly ResourceObject[] | null;
}

/** The API server leaves spec and status out: a tenth of a list of schemas. */
const metadataOnly = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

interface ListOptions {
  readonly kind: Kind;
  readonly namespace?: string;
  readonly signal?: AbortSignal;
}

/** Keys of everything of a kind. */
export async function listKeys(
  client: KubernetesClient,
  options: ListOptions,
): Promise<ResourceKey[]> {
  const { items } = await listObjects(client, { ...options, accept: metadataOnly });
  const { kind } = options;
  return items.map(({ metadata: { namespace, name } }) => ({ kind, namespace, name }));
}

/** Everything of a kind as of one instant, read from the API server's own store, not its cache. */
export async function listObjects(
  client: KubernetesClient,
  options: ListOptions & { readonly accept?: string },
): Promise<ObjectList> {
  for (let start = 1; ; start++) {
    try {
      return await listPages(client, options);
    } catch (error) {
      const expired = error instanceof KubernetesError && error.isExpired;
      if (!expired || start >= startsMax) throw error;
    }
  }
}

async function listPages(
  client: KubernetesClient,
  { kind, namespace, signal, accept }: ListOptions & { readonly accept?: string },
): Promise<ObjectList> {
  const path = collectionPath(kind, namespace);
  const items: ResourceObject[] = [];
  let next: string | undefined;
  for (let page = 0; page < pagesMax; page++) {
    const answer = await client.request<Page>({
      ...{ method: 'GET', path, query: { limit: pageSize, continue: next } },
      ...(signal !== undefined && { signal }),
      ...(accept !== undefined && { accept }),
    });
    items.push(...(answer.items ?? []));
    next = answer.metadata.continue || undefined;
    if (next === undefined) return { items, resourceVersion: answer.metadata.resourceVersion };
  }
  throw new Error(`more than ${pagesMax * pageSize} ${kind}s`);
}
