import type { ApiClient, Envelope } from './api-client.ts';

/** For who does not say which version they have seen: at least no write in between is overwritten. */
export async function currentVersion(api: ApiClient, path: string, id: string): Promise<number> {
  const { data } = await api.get<Envelope<{ version: number }>>(
    `/api/${path}/${encodeURIComponent(id)}`,
    { select: 'id,version' },
  );
  return data.version;
}
