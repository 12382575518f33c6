#!/usr/bin/env bash
# setup.sh [packages] [temporal] [kubernetes] [redis]: installs what is missing, quickly when nothing is.
# Tools live outside the work tree, in ${VELOCITY_CACHE}/bin, so that a second clone finds them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

temporalVersion=v1.5.1 # the last release that `go install` accepts
kubernetesVersion=v1.36.3 # as test/support/kubernetes/go.mod has it
cache=${VELOCITY_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/velocity}

# npm replaces node_modules, so it must not run on the Node.js that lives inside it.
PATH=$(printf '%s' "$PATH" | tr ':' '\n' | grep -vxF "$PWD/node_modules/.bin" | paste -sd:)
export PATH

refuse() {
  echo "velocity setup: $1" >&2
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# True when what npm recorded in node_modules is what package-lock.json asks for.
packages_installed() {
  [ -x node_modules/node/bin/node ] && [ -f node_modules/.package-lock.json ] || return 1
  node_modules/node/bin/node -e '
    const read = (file) => JSON.parse(require("node:fs").readFileSync(file, "utf8")).packages;
    const installed = read("node_modules/.package-lock.json");
    const missing = Object.entries(read("package-lock.json")).find(([path, wanted]) =>
      path !== "" && !wanted.optional && installed[path]?.version !== wanted.version);
    process.exit(missing ? 1 : 0);'
}

install_packages() {
  packages_installed && return
  has npm || refuse 'npm is missing: install Node.js from https://nodejs.org (any version from 20, it only runs npm; Velocity brings its own).'
  # Velocity runs on the Node.js it installs, so the one that runs npm may be older than "engines" asks for.
  scripts/step.sh 'install npm packages (about 20 s, once)' \
    npm ci --no-audit --no-fund --loglevel=error </dev/null ||
    refuse 'npm packages cannot be installed: read the message of npm above, then run this again.'
  packages_installed ||
    refuse 'npm ran without the install scripts of "node": allow them (`npm config set ignore-scripts false`) and run this again.'
}

install_temporal() {
  has temporal && return
  [ -x "$cache/bin/temporal" ] && return
  mkdir -p "$cache/bin" 2>/dev/null ||
    refuse "the tools folder $cache cannot be made: set VELOCITY_CACHE to a folder that can be written to."
  if has go && scripts/step.sh "build the Temporal CLI $temporalVersion into $cache/bin (about 3 min, once)" go_install; then
    return
  fi
  if scripts/step.sh "download a Temporal dev server into $cache/bin (about 20 s, once)" \
    node_modules/node/bin/node scripts/fetch-temporal.ts "$cache/bin"; then
    return
  fi
  if has go; then
    refuse 'the Temporal CLI can neither be built nor downloaded: check the network, or put `temporal` on the PATH (https://docs.temporal.io/cli#install).'
  fi
  refuse 'the Temporal CLI is missing: install Go (https://go.dev/dl) so that it can be built, or put `temporal` on the PATH (https://docs.temporal.io/cli#install).'
}

# Built beside its place and moved, so that an interrupted build leaves nothing half there.
go_install() {
  local building status=0
  building=$(mktemp -d "$cache/building.XXXXXX")
  GOBIN=$building GOFLAGS=-mod=mod go install "github.com/temporalio/cli/cmd/temporal@$temporalVersion" \
    </dev/null >"$building/log" 2>&1 || status=$?
  if [ $status -eq 0 ]; then
    mv "$building/temporal" "$cache/bin/temporal"
  else
    tail -n 5 "$building/log" >&2
  fi
  rm -rf "$building"
  return $status
}
export -f go_install
export cache temporalVersion

# For tests only: the API server, and kubectl where the machine has none. etcd comes with the system.
install_kubernetes() {
  has etcd || refuse 'etcd is missing: install it (`apt-get install etcd-server`); the tests run a Kubernetes API on it.'
  local missing=()
  for command in kube-apiserver kubectl; do
    has "$command" || [ -x "$cache/bin/$command" ] || missing+=("$command")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  has go || refuse "${missing[*]} cannot be built without Go: install it (https://go.dev/dl), or put ${missing[*]} $kubernetesVersion on the PATH."
  mkdir -p "$cache/bin" 2>/dev/null ||
    refuse "the tools folder $cache cannot be made: set VELOCITY_CACHE to a folder that can be written to."
  for command in "${missing[@]}"; do
    scripts/step.sh "build $command $kubernetesVersion into $cache/bin (about 5 min for the first, once)" \
      build_kubernetes "$command" ||
      refuse "$command cannot be built: check the network, or put $command on the PATH."
  done
}

# Go's own cache of compiled packages is left alone: the second build takes from the first.
build_kubernetes() {
  local building status=0
  building=$(mktemp -d "$cache/building.XXXXXX")
  go build -C test/support/kubernetes -mod=readonly \
    -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$kubernetesVersion" \
    -o "$building/$1" "k8s.io/kubernetes/cmd/$1" </dev/null >"$building/log" 2>&1 || status=$?
  if [ $status -eq 0 ]; then
    mv "$building/$1" "$cache/bin/$1"
  else
    tail -n 5 "$building/log" >&2
  fi
  rm -rf "$building"
  return $status
}
export -f build_kubernetes
export kubernetesVersion

# For tests only; it comes with the system.
install_redis() {
  has redis-server || refuse 'redis-server is missing: install it (`apt-get install redis-server`); the tests revoke and count in it.'
}

wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=(packages temporal)
for what in "${wanted[@]}"; do
  case $what in
    packages) install_packages ;;
    temporal) install_temporal ;;
    kubernetes) install_kubernetes ;;
    redis) install_redis ;;
    *) refuse "there is nothing called $what to install; choose from: packages, temporal, kubernetes, redis." ;;
  esac
done
