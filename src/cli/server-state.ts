import type { ApiClient } from './api-client.ts';
import { ApiRefusal } from './failures.ts';

/** What `GET /version` says; members are the API's. */
export async function findServerVersion(api: ApiClient): Promise<Record<string, unknown>> {
  const body = await api.get<Record<string, unknown>>('/version');
  const data = body['data'];
  return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : body;
}

export interface Readiness {
  readonly ready: boolean;
  /** Why not, in the API's words. */
  readonly reason?: string;
}

export async function findReadiness(api: ApiClient): Promise<Readiness> {
  try {
    await api.send('GET', '/readyz');
    return { ready: true };
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error;
    const { detail, title, ...rest } = error.problem;
    return { ready: false, reason: detail ?? title ?? JSON.stringify(rest) };
  }
}
