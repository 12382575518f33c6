const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface StopSignals extends Disposable {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal;
}

/** The first signal asks for an orderly end, the second calls `force`. */
export function onStopSignals(handlers: {
  readonly asked: () => void;
  readonly force: () => void;
}): StopSignals {
  const controller = new AbortController();
  const listener = (): void => {
    if (controller.signal.aborted) {
      handlers.force();
      return;
    }
    handlers.asked();
    controller.abort();
  };
  for (const name of stopSignals) process.on(name, listener);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const name of stopSignals) process.off(name, listener);
    },
  };
}
