import { execFile, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Agent, fetch as fetchBy } from 'undici';
import { inject } from 'vitest';
import { findFreePort } from '../../src/process/dev/ports.ts';
import type { ProcessIdentity } from '../../src/process/dev/process-identity.ts';
import { findProcess, stopProcess } from '../../src/process/dev/process-identity.ts';
import { askServers } from './ask-servers.ts';
import { makeServerFolder, recordServer } from './server-folder.ts';

/*
 * A real Kubernetes API: kube-apiserver 1.36 on etcd, with RBAC on and Velocity's CRDs applied.
 * There is no kubelet and no controller: nothing is scheduled, nothing else writes.
 *
 * - `sharedKubernetes()` answers the server of the whole run, started for the first who asks (about
 *   4 s). Its users keep to namespaces and organisations of their own: `uniqueName('acme')`.
 * - `startKubernetes()` starts one of the caller's own: for tests that list everything, or that
 *   stop the API server, compact etcd, and the like. End it with `stop()` in `afterAll`.
 *
 * `kubeconfig` is the path of a file whose user is a cluster admin; `kubectl(kubeconfig, [...])` runs
 * the command with it. Other users are made as in any cluster: a ServiceAccount, its RoleBindings,
 * and a token from `kubectl create token`.
 */

const execute = promisify(execFile);
const crdFolder = fileURLToPath(new URL('../../crds', import.meta.url));
const adminToken = 'velocity-test-admin';
/** Cold, on two busy cores, it takes under ten seconds. */
const startWithinMs = 60_000;
const stopSteps = [
  { signal: 'SIGTERM', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
] as const;

export interface TestKubernetes {
  /** A kubeconfig file; its user may do everything. */
  readonly kubeconfig: string;
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  stop(): Promise<void>;
}

export interface OwnKubernetes extends TestKubernetes {
  /** SIGKILL: connections are cut, nothing is said. */
  killApiServer(): Promise<void>;
  /** On the same port, over the same data. */
  startApiServer(): Promise<void>;
  /** Forgets all that was before now: older watches and pages cannot be continued. */
  compactEtcd(): Promise<void>;
}

/** The API server that all test files of this run share. */
export function sharedKubernetes(): Promise<Omit<TestKubernetes, 'stop'>> {
  return askServers(inject('serversUrl'), '/kubernetes');
}

export async function startKubernetes(): Promise<OwnKubernetes> {
  await using undo = new AsyncDisposableStack();
  const etcdFolder = await makeServerFolder();
  undo.defer(() => rm(etcdFolder, { recursive: true, force: true }));
  const folder = await makeServerFolder();
  undo.defer(() => rm(folder, { recursive: true, force: true }));

  const etcd = await startEtcd(etcdFolder);
  undo.defer(() => stopProcess(etcd.identity, stopSteps).then(() => undefined));
  const port = await findFreePort();
  const url = `https://127.0.0.1:${port}`;
  await writeFile(join(folder, 'service-account.key'), makeKey(), { mode: 0o600 });
  await writeFile(join(folder, 'tokens.csv'), `${adminToken},admin,admin,"system:masters"\n`);
  const start = () => startApiServer({ folder, port, etcdUrl: etcd.url });
  let server = await start();
  // Nothing of it is kept, and on SIGTERM it would wait for its clients.
  const kill = () => stopProcess(server, [{ signal: 'SIGKILL', waitMs: 5_000 }]);
  undo.defer(() => kill().then(() => undefined));

  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, await formatKubeconfig(url, join(folder, 'certs/apiserver.crt')));
  await applyCrds(kubeconfig);
  const resources = undo.move();
  return {
    kubeconfig,
    url,
    killApiServer: () => kill().then(() => undefined),
    startApiServer: async () => {
      server = await start();
    },
    compactEtcd: () => compact(etcd.url),
    stop: () => resources.disposeAsync(),
  };
}

function makeKey(): string {
  return generateKeyPairSync('ec', {
    namedCurve: 'prime256v1',
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  }).privateKey;
}

/** Runs kubectl to its end and answers what it printed; throws with what it said when it failed. */
export async function kubectl(
  kubeconfig: string,
  args: readonly string[],
  { input = '' }: { readonly input?: string } = {},
): Promise<string> {
  // What one call has discovered the next must not remember: kinds come and go under test.
  const options = [`--kubeconfig=${kubeconfig}`, `--cache-dir=${kubeconfig}/none`];
  const running = execute(await findTool('kubectl'), [...options, ...args], {
    maxBuffer: 64 * 1024 * 1024,
  });
  running.child.stdin?.end(input);
  return (await running).stdout;
}

async function startEtcd(folder: string): Promise<{ url: string; identity: ProcessIdentity }> {
  const [clientPort, peerPort] = [await findFreePort(), await findFreePort()];
  const url = `http://127.0.0.1:${clientPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const identity = await startServer({
    folder,
    command: await findTool('etcd'),
    args: [
      `--data-dir=${join(folder, 'data')}`,
      ...[`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`],
      ...[`--listen-peer-urls=${peerUrl}`, `--initial-advertise-peer-urls=${peerUrl}`],
      `--initial-cluster=default=${peerUrl}`,
    ],
    isReady: async () => (await fetch(new URL('/health', url))).ok,
  });
  return { url, identity };
}

async function startApiServer(options: {
  folder: string;
  port: number;
  etcdUrl: string;
}): Promise<ProcessIdentity> {
  const { folder, port, etcdUrl } = options;
  const key = join(folder, 'service-account.key');
  return startServer({
    folder,
    command: await findTool('kube-apiserver'),
    args: [
      `--etcd-servers=${etcdUrl}`,
      ...['--bind-address=127.0.0.1', '--advertise-address=127.0.0.1', `--secure-port=${port}`],
      `--cert-dir=${join(folder, 'certs')}`,
      `--token-auth-file=${join(folder, 'tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--service-account-issuer=https://kubernetes.default.svc',
      ...[`--service-account-key-file=${key}`, `--service-account-signing-key-file=${key}`],
      ...['--service-cluster-ip-range=10.0.0.0/24', '--endpoint-reconciler-type=none'],
    ],
    isReady: async () => {
      const dispatcher = new Agent({
        connect: { ca: await readFile(join(folder, 'certs/apiserver.crt')) },
      });
      try {
        const headers = { authorization: `Bearer ${adminToken}` };
        const answer = await fetchBy(`https://127.0.0.1:${port}/readyz`, { dispatcher, headers });
        return (await answer.text()) === 'ok';
      } finally {
        await dispatcher.destroy();
      }
    },
  });
}

interface Server {
  readonly folder: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Errors mean no. */
  isReady(): Promise<boolean>;
}

async function startServer({ folder, command, args, isReady }: Server): Promise<ProcessIdentity> {
  const logFile = join(folder, 'server.log');
  const log = openSync(logFile, 'a');
  const child = spawn(command, [...args], { stdio: ['ignore', log, log] });
  closeSync(log);
  child.on('error', () => undefined);
  const identity = child.pid === undefined ? undefined : await findProcess(child.pid);
  if (identity === undefined) throw new Error(`${command} does not start: see ${logFile}`);
  await recordServer(folder, identity);
  const deadline = performance.now() + startWithinMs;
  while (performance.now() < deadline && child.exitCode === null) {
    if (await isReady().catch(() => false)) return identity;
    await sleep(50);
  }
  await stopProcess(identity, stopSteps);
  const said = (await readFile(logFile, 'utf8')).split('\n').slice(-10).join('\n');
  throw new Error(`${command} is not ready after ${startWithinMs} ms; it said:\n${said}`);
}

async function formatKubeconfig(server: string, certificateFile: string): Promise<string> {
  const authority = (await readFile(certificateFile)).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': authority } }],
    users: [{ name: 'admin', user: { token: adminToken } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  });
}

/** Applied is not yet served: waits until every kind can be listed. */
async function applyCrds(kubeconfig: string): Promise<void> {
  await kubectl(kubeconfig, ['apply', '--server-side', `--filename=${crdFolder}`]);
  await kubectl(kubeconfig, [
    'wait',
    '--for=condition=Established',
    '--timeout=60s',
    'crd',
    '--all',
  ]);
}

/** etcd's own JSON gateway: the revision of now, then everything before it dropped. */
async function compact(etcdUrl: string): Promise<void> {
  const post = async (path: string, body: object): Promise<{ header: { revision: string } }> => {
    const answer = await fetch(new URL(path, etcdUrl), {
      method: 'POST',
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`etcd ${path}: ${await answer.text()}`);
    return (await answer.json()) as { header: { revision: string } };
  };
  const { header } = await post('/v3/kv/range', { key: Buffer.from('\0').toString('base64') });
  await post('/v3/kv/compaction', { revision: header.revision, physical: true });
}

/** On the PATH, else where `make test` puts what it builds. */
async function findTool(name: string): Promise<string> {
  const cache =
    process.env['VELOCITY_CACHE'] ??
    join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'velocity');
  const folders = [...(process.env['PATH'] ?? '').split(':'), join(cache, 'bin')];
  for (const folder of folders) {
    const file = join(folder, name);
    const found = await access(file).then(
      () => true,
      () => false,
    );
    if (found) return file;
  }
  throw new Error(`${name} is missing: run scripts/setup.sh kubernetes`);
}
