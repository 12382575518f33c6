import type { Resource } from '../contract/kinds.ts';
import type { Dependency } from '../resources/dependencies.ts';
import { findObstacle } from '../resources/dependencies.ts';
import { isBeingDeleted } from '../resources/status.ts';
import type { ResourceStore } from '../resources/store.ts';
import type { SeenResource } from './decide.ts';

/** Reads what a decision looks at. What holds up a resource does not hold up its deletion. */
export async function gather(
  store: ResourceStore,
  options: {
    resource: Resource;
    dependencies: readonly Dependency[];
    due: boolean;
    started: boolean;
  },
): Promise<SeenResource> {
  const { resource, dependencies, due, started } = options;
  const obstacle = isBeingDeleted(resource)
    ? undefined
    : await findObstacle(store, resource, dependencies);
  return { resource, obstacle, due, started };
}
