/**
 * `make demo`: loads the samples' data through the API of a running `make dev`, as a user would, and
 * prints a few answers. Loads only what is missing, so a second run goes straight to the answers.
 */
import { fileURLToPath } from 'node:url';
import { busiestStates, fieldsAround, routesOf, whoSeesWhat } from './demo/answers.ts';
import { DemoFailure, openDevApi } from './demo/dev-api.ts';
import { loadFlights } from './demo/flights.ts';
import { findActorKeys, loadProcurement } from './demo/procurement.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Where `velocity dev` runs: its `.velocity` tells where the API is. */
const devFolder = process.cwd();

async function main(): Promise<void> {
  const startedAt = performance.now();
  const api = await openDevApi(devFolder);
  console.log(`Loading the samples into ${api.url}\n`);
  await loadFlights(api, { root, devFolder });
  await loadProcurement(api);

  console.log(await busiestStates(api, 10));
  console.log(await routesOf(api, 'SFO', 8));
  console.log(await fieldsAround(api, 'SEA', 40));
  console.log(await whoSeesWhat(api, await findActorKeys(api, devFolder)));

  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  console.log(`Done in ${seconds} s. Ask your own questions:`);
  console.log(
    '  bin/velocity.mjs query route --filter origin=SFO --sort=-count --include destination',
  );
  console.log(`  ${api.docsUrl}   every route, to try in the browser`);
}

// A reader that went away (`| head`) has seen enough.
process.stdout.on('error', () => process.exit());
try {
  await main();
} catch (error) {
  if (!(error instanceof DemoFailure)) throw error;
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
}
