import { Agent, type Dispatcher, request as send } from 'undici';
import type { LookupFunction } from 'node:net';
import { Failure, failureIn, quoted } from '../core/failure.ts';
import type { RangedSource } from './ranged-source.ts';
import { checkUrl, publicLookup } from './url-guard.ts';

export interface UrlSourceOptions {
  readonly allowPrivateAddresses: boolean;
  /** Bytes that may be read in all; 128 MiB when left out. */
  readonly budgetBytes?: number;
  /** Longest wait for a connection, for an answer, and for the next bytes of it; 10 s when left out. */
  readonly patienceMs?: number;
  /** Longest time from opening to the last read; 30 s when left out. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  /** Resolves names instead of the system; a stranger's answers belong behind `guardedLookup`. */
  readonly lookup?: LookupFunction;
}

type Reply = Dispatcher.ResponseData;

const maxRedirects = 5;
const openingBytes = 256 * 1024;
/** What is kept of an answer that can only be read from its start. */
const mostFromStart = 16 * 1024 * 1024;

function unreachable(message: string, retryable = false, cause?: unknown): Failure {
  return new Failure({
    kind: 'network',
    message,
    advice: 'Check that the address opens without a login, and answers from where this server runs.',
    retryable,
    cause,
  });
}

/** Ends an answer that is of no use. */
function drop(body: Reply['body']): void {
  body.on('error', () => undefined).destroy();
}

function header(reply: Reply, name: string): string | undefined {
  const value = reply.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** `bytes 0-99/1234` or `bytes 0-99/*` or, for a range that does not exist, `bytes * /1234`. */
function contentRange(reply: Reply): { start?: number; total?: number } {
  const found = /^bytes (?:(\d+)-\d+|\*)\/(?:(\d+)|\*)$/.exec(header(reply, 'content-range') ?? '');
  return {
    ...(found?.[1] && { start: Number(found[1]) }),
    ...(found?.[2] && { total: Number(found[2]) }),
  };
}

/** Sends guarded GET requests, follows redirects once and keeps to where they led. */
class Address {
  readonly used = { bytes: 0, requests: 0 };
  readonly #agent: Agent;
  readonly #signal: AbortSignal;
  readonly #options: UrlSourceOptions;
  #url: URL;

  constructor(url: string, options: UrlSourceOptions) {
    const { patienceMs = 10_000, deadlineMs = 30_000, signal } = options;
    this.#url = new URL(url);
    this.#options = options;
    this.#agent = new Agent({
      connections: 1,
      connect: {
        timeout: patienceMs,
        ...(!options.allowPrivateAddresses && { lookup: options.lookup ?? publicLookup }),
      },
      headersTimeout: patienceMs,
      bodyTimeout: patienceMs,
    });
    const deadline = AbortSignal.timeout(deadlineMs);
    this.#signal = signal ? AbortSignal.any([signal, deadline]) : deadline;
  }

  async ask(start: number, length: number): Promise<Reply> {
    for (let hop = 0; hop <= maxRedirects; hop++) {
      checkUrl(this.#url, this.#options.allowPrivateAddresses);
      this.used.requests += 1;
      const reply = await send(this.#url, {
        dispatcher: this.#agent,
        signal: this.#signal,
        headers: {
          range: `bytes=${start}-${start + length - 1}`,
          'accept-encoding': 'identity',
          'user-agent': 'digital-human-mcp',
        },
      });
      const location = header(reply, 'location');
      if (reply.statusCode < 300 || reply.statusCode >= 400 || !location) return reply;
      drop(reply.body);
      this.#url = new URL(location, this.#url);
    }
    throw unreachable('The address redirects too often.');
  }

  /** Counts what came, and ends the reading when it is more than was granted. */
  count(bytes: number): void {
    this.used.bytes += bytes;
    const { budgetBytes = 128 * 1024 * 1024 } = this.#options;
    if (this.used.bytes > budgetBytes)
      throw unreachable(`Judging the file would take more than the ${budgetBytes} bytes that may be read.`);
  }

  /** Everything that goes wrong below becomes one kind of failure. */
  async guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const slow = this.#signal.aborted && !this.#options.signal?.aborted;
      throw (
        failureIn(error) ??
        unreachable(slow ? 'The address answers too slowly.' : 'The address could not be read.', true, error)
      );
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

function refuseBadAnswer(reply: Reply): void {
  const { statusCode } = reply;
  if (statusCode !== 200 && statusCode !== 206 && statusCode !== 416)
    throw unreachable(`The address answers HTTP ${statusCode}.`, statusCode >= 500 || statusCode === 429);
  const coding = header(reply, 'content-encoding');
  if (coding && coding !== 'identity')
    throw unreachable(`The server packs the file (${quoted(coding, 20)}) although it was asked not to.`);
}

/** An answer without ranges, pulled as far as it is asked for. */
class FromStart {
  #held: Uint8Array[] = [];
  #length = 0;
  #ended = false;
  readonly #address: Address;
  readonly #body: Reply['body'];
  readonly #chunks: AsyncIterator<Uint8Array>;

  constructor(address: Address, body: Reply['body']) {
    this.#address = address;
    this.#body = body;
    this.#chunks = body[Symbol.asyncIterator]();
  }

  /** Total bytes, once the end was seen. */
  get total(): number | undefined {
    return this.#ended ? this.#length : undefined;
  }

  async read(start: number, length: number): Promise<Uint8Array> {
    if (start >= mostFromStart) return new Uint8Array();
    const end = Math.min(start + length, mostFromStart);
    while (!this.#ended && this.#length < end) {
      const next = await this.#chunks.next();
      this.#ended = next.done === true;
      if (next.done) break;
      this.#address.count(next.value.length);
      this.#held.push(next.value);
      this.#length += next.value.length;
    }
    if (this.#held.length > 1) this.#held = [Buffer.concat(this.#held)];
    return this.#held[0]?.subarray(start, end) ?? new Uint8Array();
  }

  close(): void {
    drop(this.#body);
  }
}

async function readRange(address: Address, reply: Reply, start: number, length: number): Promise<Uint8Array> {
  if (contentRange(reply).start !== start)
    throw unreachable('The server answers with another range than it was asked for.');
  const bytes = new Uint8Array(length);
  // Leaving an answer before its end costs the connection, so that is done only to one that has no end.
  const bounded = Number(header(reply, 'content-length') ?? Number.NaN) <= length;
  let filled = 0;
  for await (const chunk of reply.body as AsyncIterable<Uint8Array>) {
    address.count(chunk.length);
    bytes.set(chunk.subarray(0, length - filled), filled);
    filled = Math.min(length, filled + chunk.length);
    if (filled === length && !bounded) break;
  }
  return bytes.subarray(0, filled);
}

async function openSource(address: Address): Promise<RangedSource> {
  const reply = await address.ask(0, openingBytes);
  refuseBadAnswer(reply);
  const common = {
    validator: header(reply, 'etag') ?? header(reply, 'last-modified'),
    used: address.used,
    close: () => address.close(),
  };
  if (reply.statusCode === 200) {
    const body = new FromStart(address, reply.body);
    const declared = Number(header(reply, 'content-length') ?? Number.NaN);
    // Nobody said where it ends: only reading tells.
    if (Number.isNaN(declared)) await body.read(0, mostFromStart);
    const size = Number.isNaN(declared) ? body.total : declared;
    return {
      ...common,
      size,
      reach: size === undefined || size > mostFromStart ? mostFromStart : undefined,
      read: (start, length) => address.guarded(() => body.read(start, length)),
      close: () => {
        body.close();
        return address.close();
      },
    };
  }
  const { total } = contentRange(reply);
  const head = reply.statusCode === 206 ? await readRange(address, reply, 0, openingBytes) : new Uint8Array();
  if (reply.statusCode === 416) drop(reply.body);
  if (reply.statusCode === 416 && total !== 0) throw unreachable('The server refuses to give any range.');
  return {
    ...common,
    size: total ?? (head.length < openingBytes ? head.length : undefined),
    reach: total === undefined && head.length === openingBytes ? openingBytes : undefined,
    async read(start, length) {
      if (start + length <= head.length) return head.subarray(start, start + length);
      const wanted = total === undefined ? 0 : Math.min(length, total - start);
      if (wanted <= 0) return head.subarray(start, start + length);
      return address.guarded(async () => {
        const next = await address.ask(start, wanted);
        if (next.statusCode === 416) {
          drop(next.body);
          return new Uint8Array();
        }
        if (next.statusCode === 206 && contentRange(next).total === total)
          return readRange(address, next, start, wanted);
        refuseBadAnswer(next);
        drop(next.body);
        throw unreachable('The file changed, or its server stopped giving ranges, while it was read.', true);
      });
    },
  };
}

/**
 * Opens an http or https address. The first 256 KiB are read at once, so that an address that does not
 * answer is found here; every redirect and every address is checked before it is connected to.
 * @throws `permission` for an address that is not public, `network` for all else; `read` throws `network`
 */
export async function urlSource(url: string, options: UrlSourceOptions): Promise<RangedSource> {
  if (!URL.canParse(url)) throw unreachable('The address is not a complete one.');
  const address = new Address(url, options);
  try {
    return await address.guarded(() => openSource(address));
  } catch (error) {
    await address.close();
    throw error;
  }
}
