#!/usr/bin/env -S node --max-semi-space-size=16
// The option above bounds the young generation, which Node otherwise lets grow to 128 MB on a large
// machine and which serves requests no faster for it.
//
// Plain JavaScript for any Node that understands modules: its first task is to find one that is
// new enough (24.12 runs TypeScript by stripping types), the npm package `node` if this one is not.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { constants, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const nodeMin = [24, 12];
const reexecutedName = 'velocity'; // argv[0] of the second process: tells it that it was started here
const passedSignals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];
/** Ctrl-C reaches the whole process group, so what we pass on arrives twice, milliseconds apart. */
const sameSignalMs = 500;

if (isNewEnough(process.versions.node)) {
  if (process.argv0 === reexecutedName) dropRepeatedSignals();
  keepCompiled();
  await import(entryPoint());
} else {
  reexecute();
}

function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > nodeMin[0] || (major === nodeMin[0] && minor >= nodeMin[1]);
}

/**
 * Keeps compiled modules, and TypeScript without its types, for the next start and for the processes
 * that this one starts: an API is there in 0.2 s instead of 0.5 and needs 22 MB less, the compiler
 * not being loaded. Below the home folder, because what lies there is run; without one, nothing is kept.
 */
function keepCompiled() {
  const { VELOCITY_CACHE, XDG_CACHE_HOME } = process.env;
  const cache = VELOCITY_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'velocity');
  process.env.NODE_COMPILE_CACHE ||= join(cache, 'compiled');
  nodeModule.enableCompileCache?.(process.env.NODE_COMPILE_CACHE);
}

/** The work tree runs its TypeScript; a package carries dist/, for Node strips no types there. */
function entryPoint() {
  const source = new URL('../src/main.ts', import.meta.url);
  const built = new URL('../dist/main.js', import.meta.url);
  return existsSync(built) && !existsSync(source) ? built.href : source.href;
}

function reexecute() {
  const node = findNode();
  if (node === undefined || process.argv0 === reexecutedName) {
    return refuse(
      `Node.js ${nodeMin.join('.')} or later is needed and this is ${process.versions.node}; ` +
        'run `npm install` here (it brings the package "node") or install a newer Node.js.',
    );
  }
  const args = [...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const child = spawn(node, args, { stdio: 'inherit', argv0: reexecutedName });
  for (const signal of passedSignals) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => refuse(`${node} does not start: ${error.message}`));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    // End as the child ended, so that a shell or a supervisor sees the signal and not just a code.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    setTimeout(() => process.exit(128 + constants.signals[signal]), sameSignalMs);
  });
}

function findNode() {
  try {
    const found = nodeModule.createRequire(import.meta.url).resolve('node/package.json');
    const binary = join(dirname(found), 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    return existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}

function dropRepeatedSignals() {
  const seenAt = new Map();
  const { emit } = process;
  process.emit = function (name, ...rest) {
    if (passedSignals.includes(name)) {
      const now = performance.now();
      const before = seenAt.get(name) ?? Number.NEGATIVE_INFINITY;
      seenAt.set(name, now);
      if (now - before < sameSignalMs) return true;
    }
    return emit.call(this, name, ...rest);
  };
}

function refuse(message) {
  process.stderr.write(`velocity: ${message}\n`);
  process.exitCode = 1;
}
