#!/usr/bin/env bash
# Every check in order of cost. All of them run, whatever fails; the runner's summary comes last.
# Arguments go to vitest: `scripts/test.sh test/house.test.ts`.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/node_modules/.bin:$PATH

failed=()
step() {
  scripts/step.sh "$@" || failed+=("$1")
}

step 'types' tsc --noEmit
step 'lint and format' biome check --error-on-warnings .
step 'generated files are fresh' node scripts/generate-kinds.ts --check
step 'house rules' vitest run --reporter=dot test/house.test.ts

export VELOCITY_FAILED_STEPS="${failed[*]:+$(IFS=,; echo "${failed[*]}")}"
echo '▸ tests (about 5 min)'
vitest run "$@" || failed+=('tests')
[ ${#failed[@]} -eq 0 ]
