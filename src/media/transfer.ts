import type { IncomingMessage } from 'node:http';
import { Failure, quoted } from '../core/failure.ts';
import { drop, guardedGet, type GuardedGet } from './guarded-get.ts';
import type { PartialFile } from './partial-file.ts';
import { passed } from './young-memory.ts';

/** A flow below this within the reader's patience is a stall. */
const leastBytes = 16 * 1024;
/** A server that cannot go on where it broke off is read from its start this often, and no more. */
const mostStarts = 8;

export interface TransferOptions extends GuardedGet {
  readonly maxBytes: number;
  readonly report?: (bytes: number, totalBytes: number | undefined) => void;
}

function broken(message: string, retryable = true, cause?: unknown): Failure {
  return new Failure({
    kind: 'network',
    message,
    advice: 'Call download_result again before the link expires.',
    retryable,
    cause,
  });
}

/** A mark under which a server may be asked for the rest; undefined where it has none that is strong. */
function strongValidator({ headers }: IncomingMessage): string | undefined {
  const { etag } = headers;
  if (etag !== undefined) return etag.startsWith('"') ? etag : undefined;
  const { date = '', 'last-modified': modified = '' } = headers;
  // A date tells two versions apart only when its second is over (RFC 9110, 8.8.2.2).
  const settled = Date.parse(date) - Date.parse(modified) >= 1000;
  return settled ? modified : undefined;
}

function refuseStatus({ statusCode = 0 }: IncomingMessage): void {
  const message = `The result link answers HTTP ${statusCode}.`;
  if (statusCode === 403 || statusCode === 404 || statusCode === 410)
    throw new Failure({
      kind: 'expired',
      message,
      advice: 'The link has probably expired. Look in the cloud’s console, or submit the job again.',
    });
  const passing = statusCode >= 500 || [408, 416, 425, 429].includes(statusCode);
  if (statusCode !== 200 && statusCode !== 206) throw broken(message, passing);
}

/**
 * The bytes behind a link, brought into a file in as many attempts as it takes. After a cut the rest is asked
 * for by range, under the validator of what is on disk; when the server will not have that, from the start.
 */
export class Transfer {
  readonly #partial: PartialFile;
  readonly #options: TransferOptions;
  #validator: string | undefined;
  #total: number | undefined;
  #starts = 0;

  constructor(partial: PartialFile, options: TransferOptions) {
    this.#partial = partial;
    this.#options = options;
  }

  /**
   * One request, read as far as it goes. Resolves when the file is whole.
   * @throws `expired` when the link has died, `media` when it is too large, `storage`, `permission`,
   * `network` otherwise; `retryable` tells whether another attempt may help
   */
  async attempt(url: string): Promise<void> {
    const held = this.#partial.bytes;
    const validator = held > 0 ? this.#validator : undefined;
    const headers: Record<string, string> =
      validator === undefined ? {} : { range: `bytes=${held}-`, 'if-range': validator };
    await this.#partial.touch();
    const reply = await guardedGet(url, headers, this.#options);
    try {
      await this.#begin(reply, validator);
      await this.#receive(reply);
    } catch (error) {
      drop(reply);
      throw error;
    }
    const { bytes } = this.#partial;
    if (this.#total !== undefined && bytes !== this.#total)
      throw broken(`The result ended after ${bytes} of ${this.#total} bytes.`);
  }

  /** Judges the answer: the rest of what is here, a new beginning, or nothing of use. */
  async #begin(reply: IncomingMessage, validator: string | undefined): Promise<void> {
    const held = this.#partial.bytes;
    if (reply.statusCode === 416) await this.#partial.restart();
    refuseStatus(reply);
    const coding = reply.headers['content-encoding'];
    if (coding && coding !== 'identity')
      throw broken(
        `The server packs the result (${quoted(coding, 20)}) although it was asked not to.`,
        false,
      );
    if (reply.statusCode === 206) {
      const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(reply.headers['content-range'] ?? '') ?? [];
      const same =
        validator !== undefined &&
        strongValidator(reply) === validator &&
        Number(start) === held &&
        (this.#total === undefined || Number(total) === this.#total);
      if (!same) {
        await this.#partial.restart();
        const message = 'The result changed while it was fetched, or its server gives wrong ranges.';
        throw broken(message, held > 0);
      }
      this.#total = Number(total);
    } else {
      this.#starts += 1;
      if (this.#starts > mostStarts)
        throw broken(
          `The download broke off ${mostStarts} times, and its server cannot go on with it.`,
          false,
        );
      if (held > 0) await this.#partial.restart();
      this.#validator = strongValidator(reply);
      const declared = reply.headers['content-length'];
      this.#total = declared === undefined ? undefined : Number(declared);
    }
    this.#measure(this.#total ?? 0);
  }

  #measure(bytes: number): void {
    const { maxBytes } = this.#options;
    if (bytes > maxBytes)
      throw new Failure({
        kind: 'media',
        message: `The result has ${bytes} bytes or more; at most ${maxBytes} are taken.`,
        advice: 'Fetch it from its url by other means before the link expires.',
      });
  }

  async #receive(body: IncomingMessage): Promise<void> {
    const { patienceMs, report, signal } = this.#options;
    let mark = this.#partial.bytes;
    const watch = setInterval(() => {
      if (this.#partial.bytes - mark < leastBytes) body.destroy(broken('The server of the result stalls.'));
      mark = this.#partial.bytes;
    }, patienceMs);
    try {
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        const bytes = this.#partial.bytes + chunk.length;
        this.#measure(bytes);
        if (this.#total !== undefined && bytes > this.#total) {
          await this.#partial.restart();
          throw broken('The server sends more than it promised.');
        }
        await this.#partial.append(chunk);
        passed(chunk.length);
        report?.(bytes, this.#total);
      }
    } catch (error) {
      if (error instanceof Failure || signal?.aborted) throw error;
      throw broken('The download broke off.', true, error);
    } finally {
      clearInterval(watch);
    }
  }
}
