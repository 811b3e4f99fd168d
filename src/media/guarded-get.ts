import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Failure, failureIn } from '../core/failure.ts';
import { checkUrl, publicLookup } from './url-guard.ts';

export interface GuardedGet {
  readonly allowPrivateAddresses: boolean;
  /** Longest wait for the answer's head. */
  readonly patienceMs: number;
  readonly signal?: AbortSignal;
}

const maxRedirects = 5;

function unreachable(message: string, retryable: boolean, cause?: unknown): Failure {
  return new Failure({
    kind: 'network',
    message,
    advice: 'Check the network, then call download_result again before the link expires.',
    retryable,
    cause,
  });
}

/**
 * One request on a connection of its own. By node's own HTTP and not by undici, whose parser is WebAssembly:
 * a large body makes V8 optimise that, which costs 20 MB once.
 */
async function ask(url: URL, headers: Record<string, string>, options: GuardedGet): Promise<IncomingMessage> {
  const { allowPrivateAddresses, patienceMs, signal } = options;
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<IncomingMessage>((resolve, reject) => {
      const lookup = allowPrivateAddresses ? undefined : publicLookup;
      const request = send(url, { agent: false, headers, signal, lookup }, (reply) => {
        // It may break off before anybody reads it; the reader is told of that all the same.
        resolve(reply.on('error', () => undefined));
      });
      request.on('error', reject);
      request.end();
      timer = setTimeout(() => {
        request.destroy(unreachable('The server of the result does not answer.', true));
      }, patienceMs);
    });
  } catch (error) {
    throw failureIn(error) ?? unreachable('The result could not be fetched.', true, error);
  } finally {
    clearTimeout(timer);
  }
}

/** Ends an answer that is of no use. */
export function drop(reply: IncomingMessage): void {
  reply.destroy();
}

/**
 * One GET, redirects followed. The address comes from a cloud's reply, so it is checked like a
 * stranger's, and so is every hop. The answer's status is the caller's to judge.
 * @throws `permission` for an address that is not public or not http, `network` otherwise
 */
export async function guardedGet(
  address: string,
  headers: Readonly<Record<string, string>>,
  options: GuardedGet,
): Promise<IncomingMessage> {
  const sent = { 'accept-encoding': 'identity', 'user-agent': 'digital-human-mcp', ...headers };
  if (!URL.canParse(address)) throw unreachable('The result link is no address.', false);
  let url = new URL(address);
  for (let hop = 0; hop <= maxRedirects; hop++) {
    checkUrl(url, options.allowPrivateAddresses);
    const reply = await ask(url, sent, options);
    const { statusCode = 0 } = reply;
    const { location } = reply.headers;
    if (statusCode < 300 || statusCode >= 400 || location === undefined) return reply;
    drop(reply);
    if (!URL.canParse(location, url.href))
      throw unreachable('The result link redirects to no address.', false);
    url = new URL(location, url);
  }
  throw unreachable('The result link redirects too often.', false);
}
