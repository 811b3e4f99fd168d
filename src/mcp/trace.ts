import { randomUUID } from 'node:crypto';

const saneRequestId = /^[\w.:-]{1,64}$/;
const traceparent = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-[\da-f]{2}(-.*)?$/;

/** The caller's own request id if it is fit for a log line, else a new one. */
export function requestIdFrom(header: unknown): string {
  return typeof header === 'string' && saneRequestId.test(header) ? header : randomUUID();
}

/** The trace id in a W3C `traceparent`; undefined for anything else. */
export function traceIdFrom(...candidates: unknown[]): string | undefined {
  for (const candidate of candidates) {
    const found = typeof candidate === 'string' ? traceparent.exec(candidate)?.[1] : undefined;
    if (found) return found;
  }
  return undefined;
}
