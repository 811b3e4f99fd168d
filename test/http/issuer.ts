import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

export interface Issuer {
  readonly url: string;
  readonly audience: string;
  /** Environment that makes a server accept its tokens. */
  readonly environment: Record<string, string>;
  /** The public key as text: what an attacker would take for a shared secret. */
  readonly publicKey: string;
  /** How often its keys were fetched. */
  fetches(): number;
  sign(claims: JWTPayload, how?: { kid?: string; key?: CryptoKey }): Promise<string>;
  /** A key that it does not publish. */
  readonly strangersKey: CryptoKey;
  close(): Promise<void>;
}

/** An issuer of JWTs on loopback, with its keys published as JWKS. */
export async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const stranger = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
  let fetches = 0;
  const server = createServer((_, response) => {
    fetches++;
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const audience = 'https://jobs.example.org/mcp';
  return {
    url,
    audience,
    environment: {
      DIGITAL_HUMAN_JWT_ISSUER: url,
      DIGITAL_HUMAN_JWT_AUDIENCE: audience,
      DIGITAL_HUMAN_JWT_JWKS_URL: `${url}/jwks`,
      DIGITAL_HUMAN_HTTP_PUBLIC_URL: 'https://jobs.example.org',
    },
    publicKey: await exportSPKI(publicKey),
    strangersKey: stranger.privateKey,
    fetches: () => fetches,
    sign: (claims, { kid = 'one', key = privateKey } = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid }).sign(key),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** The claims of a token that is good in every way. */
export function goodClaims(issuer: Issuer, subject = 'carol'): JWTPayload {
  const now = Math.floor(Date.now() / 1000);
  return {
    iss: issuer.url,
    aud: issuer.audience,
    sub: subject,
    scope: 'jobs:read jobs:write',
    iat: now,
    exp: now + 600,
  };
}
