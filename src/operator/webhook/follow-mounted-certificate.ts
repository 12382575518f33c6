import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Observe } from '../../observe.ts';
import type { KeyedCertificate } from './certificate.ts';

/**
 * Serves the certificate that others keep in a directory (`tls.crt`, `tls.key`: what cert-manager
 * writes), and each one that takes its place. Reading it costs less than trusting every file system
 * to tell of the way that Kubernetes swaps mounted directories.
 */
export async function followMountedCertificate(options: {
  readonly directory: string;
  readonly serve: (certificate: KeyedCertificate) => void;
  readonly observe: Observe;
  readonly intervalMs: number;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { directory, serve, observe, intervalMs, signal } = options;
  let served = '';
  while (!signal.aborted) {
    try {
      const certificate = await readFile(join(directory, 'tls.crt'), 'utf8');
      const key = await readFile(join(directory, 'tls.key'), 'utf8');
      if (certificate !== served && isPair(certificate, key)) {
        serve({ certificate, key });
        if (served !== '') observe({ type: 'certificates.renewed' });
        served = certificate;
      }
    } catch (cause) {
      observe({ type: 'certificates.failed', cause });
    }
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Not one of two that are being swapped. */
function isPair(certificate: string, key: string): boolean {
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}
