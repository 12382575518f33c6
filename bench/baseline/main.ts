import { parseArgs } from 'node:util';
import { buildBaseline } from './app.ts';
import { openPipeline } from './pipeline.ts';

/** The hand-written service; the bench starts it as it starts Velocity's API. */
const { values } = parseArgs({
  options: {
    'database-url': { type: 'string', default: '' },
    port: { type: 'string', default: '0' },
    key: { type: 'string', default: '' },
    actor: { type: 'string', default: '' },
    grants: { type: 'string', default: '' },
  },
});

const pipeline = await openPipeline(values['database-url']);
const app = buildBaseline({
  pipeline,
  key: values.key,
  actor: values.actor,
  grants: values.grants,
});
await app.listen({ host: '127.0.0.1', port: Number(values.port) });

process.once('SIGTERM', () => {
  app
    .close()
    .then(() => pipeline.close())
    .then(() => process.exit(0))
    .catch(() => process.exit(1));
});
