import { createHmac } from 'node:crypto';

/**
 * Signs an IVH call: all query parameters sorted by name and joined as `k=v` with `&`,
 * HMAC-SHA256 under the access token, base64. The body is not signed.
 * Source: IVH call conventions and FAQ (2025-07-11).
 *
 * @returns the whole query string, `signature` included and URL-encoded.
 */
export function signedQuery(parameters: Readonly<Record<string, string>>, accessToken: string): string {
  const names = Object.keys(parameters).toSorted();
  const joined = names.map((name) => `${name}=${parameters[name]}`).join('&');
  const signature = createHmac('sha256', accessToken).update(joined, 'utf8').digest('base64');
  const query = names.map((name) => `${name}=${encodeURIComponent(parameters[name] ?? '')}`);
  return [...query, `signature=${encodeURIComponent(signature)}`].join('&');
}
