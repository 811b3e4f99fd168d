import { createHash, createHmac } from 'node:crypto';

export interface Tc3Input {
  readonly secretId: string;
  readonly secretKey: string;
  readonly host: string;
  /** First label of the host, for example `vclm`. */
  readonly service: string;
  /** Must be byte for byte the header that is sent. */
  readonly contentType: string;
  /** Must be byte for byte the body that is sent. */
  readonly body: string;
  /** Seconds since the epoch; the cloud refuses more than five minutes of difference. */
  readonly timestamp: number;
  /** Signed as well when given, as the current documentation does. */
  readonly action?: string;
}

const sha256 = (data: string) => createHash('sha256').update(data, 'utf8').digest('hex');
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data, 'utf8').digest();

/**
 * The `Authorization` header of a TC3-HMAC-SHA256 request: `POST /` without a query.
 * Source: Tencent Cloud API 3.0 signature v3 (international and domestic pages).
 */
export function tc3Authorization(input: Tc3Input): string {
  const headers: Array<[string, string]> = [
    ['content-type', input.contentType],
    ['host', input.host],
  ];
  if (input.action) headers.push(['x-tc-action', input.action]);
  const canonicalHeaders = headers.map(([name, value]) => `${name}:${value.trim().toLowerCase()}\n`).join('');
  const signedHeaders = headers.map(([name]) => name).join(';');
  const canonicalRequest = ['POST', '/', '', canonicalHeaders, signedHeaders, sha256(input.body)].join('\n');

  const date = new Date(input.timestamp * 1000).toISOString().slice(0, 10);
  const scope = `${date}/${input.service}/tc3_request`;
  const stringToSign = ['TC3-HMAC-SHA256', input.timestamp, scope, sha256(canonicalRequest)].join('\n');

  const signingKey = hmac(hmac(hmac(`TC3${input.secretKey}`, date), input.service), 'tc3_request');
  const signature = hmac(signingKey, stringToSign).toString('hex');
  return `TC3-HMAC-SHA256 Credential=${input.secretId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
}
