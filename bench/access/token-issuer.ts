import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export interface TokenIssuer {
  readonly issuer: string;
  readonly jwksUrl: string;
  /** A token of an hour, signed with RS256. No two are alike. */
  sign(claims: Readonly<Record<string, unknown>>, audience: string): Promise<string>;
  stop(): Promise<void>;
}

const keyId = 'bench';
const validS = 3_600;

/** An issuer of tokens as an identity provider has it: a key set that is served, and its private half. */
export async function startTokenIssuer(): Promise<TokenIssuer> {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(publicKey)), kid: keyId, alg: 'RS256', use: 'sig' };
  const body = JSON.stringify({ keys: [jwk] });
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json').end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;
  let signed = 0;
  return {
    issuer,
    jwksUrl: `${issuer}/jwks`,
    sign: (claims, audience) =>
      new SignJWT({ ...claims, jti: `bench-${++signed}` })
        .setProtectedHeader({ alg: 'RS256', kid: keyId, typ: 'JWT' })
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime(`${validS}s`)
        .sign(privateKey),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
