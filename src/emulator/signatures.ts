import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/*
 * The emulator's own reading of the vendors' signing pages. It shares no code with the signing
 * half of this server, so that a mistake there cannot agree with itself here.
 */

/** Accepted distance of the signed timestamp from the clock, in milliseconds: five minutes in both. */
export const clockWindowMs = 5 * 60 * 1000;

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();

/** Compares without telling by its duration where two strings differ. */
export function sameText(left: string, right: string): boolean {
  return timingSafeEqual(Buffer.from(sha256(left)), Buffer.from(sha256(right)));
}

/** Whether a timestamp in seconds lies inside the window around `now` (epoch milliseconds). */
export function insideWindow(timestamp: string, now: number): boolean {
  return /^\d{1,12}$/.test(timestamp) && Math.abs(Number(timestamp) * 1000 - now) <= clockWindowMs;
}

export interface Tc3Authorization {
  readonly secretId: string;
  readonly date: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

const credentialField = String.raw`Credential=([^/,]+)/([\d-]{10})/([\w.:-]+)/tc3_request`;
const authorizationFields = new RegExp(
  String.raw`^${credentialField},SignedHeaders=([\w;-]+),Signature=([0-9a-f]{64})$`,
);

/** Reads an Authorization header of TC3-HMAC-SHA256; undefined when it has another shape. */
export function parseTc3(header: string): Tc3Authorization | undefined {
  const [scheme, ...rest] = header.trim().split(/\s+/);
  const match = authorizationFields.exec(rest.join(''));
  if (scheme !== 'TC3-HMAC-SHA256' || !match) return undefined;
  const [, secretId = '', date = '', service = '', names = '', signature = ''] = match;
  return { secretId, date, service, signedHeaders: names.split(';'), signature };
}

/**
 * The TC3-HMAC-SHA256 signature of a POST to `/`, as lower-case hex.
 * @param timestamp seconds, as sent in X-TC-Timestamp; its UTC date is part of the scope
 * Source: Tencent Cloud API 3.0, signature v3 (steps and vectors: upstream facts 2.1 and 2.3).
 */
export function tc3Signature(signed: {
  readonly secretKey: string;
  readonly service: string;
  readonly timestamp: string;
  readonly signedHeaders: readonly string[];
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
}): string {
  const date = new Date(Number(signed.timestamp) * 1000).toISOString().slice(0, 10);
  const names = signed.signedHeaders.toSorted();
  const lines = names.map((name) => `${name}:${(signed.headers[name] ?? '').trim().toLowerCase()}\n`);
  const canonical = ['POST', '/', '', lines.join(''), names.join(';'), sha256(signed.body)].join('\n');
  const scope = `${date}/${signed.service}/tc3_request`;
  const toSign = ['TC3-HMAC-SHA256', signed.timestamp, scope, sha256(canonical)].join('\n');
  const dateKey = hmac(`TC3${signed.secretKey}`, date);
  const signingKey = hmac(hmac(dateKey, signed.service), 'tc3_request');
  return hmac(signingKey, toSign).toString('hex');
}

/**
 * The IVH signature: base64 HMAC-SHA256 over the query parameters other than `signature`, sorted by
 * name and joined as sent. Source: IVH FAQ (2025-07-11), with its worked example.
 */
export function ivhSignature(accessToken: string, parameters: Iterable<readonly [string, string]>): string {
  const pairs = [...parameters].filter(([name]) => name !== 'signature');
  const sorted = pairs.toSorted(([left], [right]) => (left < right ? -1 : 1));
  return hmac(accessToken, sorted.map(([name, value]) => `${name}=${value}`).join('&')).toString('base64');
}
