import { Client, Connection } from '@temporalio/client';
import type { Config } from '../config.ts';
import type { StartRequestedOptions } from '../operator/start-requested.ts';
import { startRequested } from '../operator/start-requested.ts';
import { createWorkflowStarter } from '../operator/start-workflow.ts';

/** gRPC would wait up to two minutes before it looks for a Temporal that was away. */
const reconnectWithinMs = 2_000;

/** The worker's other task: starting what was asked for, over a client connection of its own. */
export async function startRequestedWorkflows(
  options: Omit<StartRequestedOptions, 'starter'> & { readonly config: Config },
): Promise<void> {
  const { config, store } = options;
  const connection = Connection.lazy({
    address: config.temporalAddress,
    channelArgs: { 'grpc.max_reconnect_backoff_ms': reconnectWithinMs },
  });
  const namespace = config.temporalNamespace;
  const client = new Client({ connection, namespace });
  const starter = createWorkflowStarter({ client, connection, namespace, store });
  try {
    await startRequested({ ...options, starter });
  } finally {
    await connection.close();
  }
}
