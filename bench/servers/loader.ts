import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoaderAnswer, LoaderRequest, LoadResult } from '../load/messages.ts';

const program = fileURLToPath(new URL('../load/main.ts', import.meta.url));

export interface Loader {
  /** Records for gets and updates. */
  records(ids: readonly string[]): Promise<void>;
  /** Throws when any request was refused: a figure over refusals says nothing. */
  run(request: Omit<Extract<LoaderRequest, { type: 'run' }>, 'type'>): Promise<LoadResult>;
  stop(): void;
}

/** The third process, which makes the load. */
export function startLoader(): Loader {
  const child = fork(program, [], { stdio: 'inherit' });
  let asked: PromiseWithResolvers<LoaderAnswer> | undefined;
  child.on('message', (answer: LoaderAnswer) => asked?.resolve(answer));
  child.on('exit', () => asked?.reject(new Error('the loader ended')));
  const ask = async (message: LoaderRequest): Promise<LoaderAnswer> => {
    asked = Promise.withResolvers();
    child.send(message);
    const answer = await asked.promise;
    if (answer.type === 'failed') throw new Error(answer.message);
    return answer;
  };
  return {
    records: async (ids) => void (await ask({ type: 'records', ids })),
    run: async (request) => {
      const answer = await ask({ type: 'run', ...request });
      if (answer.type !== 'result') throw new Error('the loader answered something else');
      return answer.result;
    },
    stop: () => void child.disconnect(),
  };
}
