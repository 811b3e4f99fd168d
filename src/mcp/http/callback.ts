import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import * as z from 'zod';

const maxCallbackBytes = 64 * 1024;

/** All that is taken from a callback. It is unsigned, so what it says of the result is not even read. */
const callback = z.looseObject({ Payload: z.looseObject({ TaskId: z.string().min(1).max(128) }) });

const digestOf = (text: string) => createHash('sha256').update(text).digest();

/** Whether the last part of the path is the secret, in constant time. Without a secret none is right. */
export function isSecret(secret: string | undefined, presented: string): boolean {
  return secret !== undefined && timingSafeEqual(digestOf(secret), digestOf(presented));
}

/** The task that a callback is about; undefined when the body is too large, cut short, or no callback. */
export async function taskOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxCallbackBytes) return undefined;
      chunks.push(chunk);
    }
    const { data } = callback.safeParse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    return data?.Payload.TaskId;
  } catch {
    return undefined;
  }
}
