/** Asks the run's global setup for one of its servers, which is started when it is the first to. */
export async function askServers<T>(serversUrl: string, path: string): Promise<T> {
  const answer = await fetch(new URL(path, serversUrl));
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${text}`);
  return JSON.parse(text) as T;
}
