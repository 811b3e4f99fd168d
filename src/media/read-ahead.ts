import type { RangedSource } from './ranged-source.ts';

const blockBytes = 64 * 1024;
const headBlocks = 4;
const mostBlocks = 16;
const keptBlocks = 256;

/**
 * Turns the many small reads of parsers into few large ones. The first read brings 256 KiB, any other at
 * least 64 KiB, and a reader that moves straight on gets twice as much each time, up to 1 MiB.
 * Keeps at most 16 MiB. Reads are done one after the other.
 */
export class ReadAhead {
  /** True once bytes were asked for that exist but that the source cannot give. */
  missed = false;
  readonly size: number;
  readonly #source: RangedSource;
  readonly #blocks = new Map<number, Uint8Array>();
  #lastEnd = 0;
  #lastRun = headBlocks / 2;
  #turn: Promise<unknown> = Promise.resolve();

  /** @param size what parsers are told; for a source of unknown size, as far as it can be read */
  constructor(source: RangedSource, size: number) {
    this.#source = source;
    this.size = size;
  }

  get used(): RangedSource['used'] {
    return this.#source.used;
  }

  /** Exactly `length` bytes, or fewer where the readable part ends. */
  read(start: number, length: number): Promise<Uint8Array> {
    const reading = this.#turn.then(() => this.#read(start, Math.min(length, this.size - start)));
    this.#turn = reading.catch(() => undefined);
    return reading;
  }

  /** The whole content, not kept here: memory of its own, which the caller may give away. */
  async readAll(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#source.reach !== undefined) this.missed = true;
    const small = this.size <= headBlocks * blockBytes;
    const bytes = await (small ? this.read(0, this.size) : this.#source.read(0, this.size));
    const owned = bytes.byteLength === bytes.buffer.byteLength && !small;
    return owned ? new Uint8Array(bytes.buffer as ArrayBuffer) : new Uint8Array(bytes);
  }

  async #read(start: number, length: number): Promise<Uint8Array> {
    if (length <= 0) return new Uint8Array();
    const { reach } = this.#source;
    if (reach !== undefined && start + length > reach) this.missed = true;
    const first = Math.floor(start / blockBytes);
    const last = Math.floor((start + length - 1) / blockBytes);
    const parts: Uint8Array[] = [];
    for (let block = first; block <= last; block++) {
      if (!this.#blocks.has(block)) await this.#fetch(block, last);
      const part = this.#blocks.get(block);
      if (part) parts.push(part);
      if (!part || part.length < blockBytes) break;
    }
    const offset = start - first * blockBytes;
    const [only] = parts;
    const whole = parts.length === 1 && only ? only : Buffer.concat(parts);
    return whole.subarray(offset, offset + length);
  }

  /** Brings the missing blocks from `first` on: those up to `last`, or more when reading runs on. */
  async #fetch(first: number, last: number): Promise<void> {
    let run = 1;
    while (first + run <= last && !this.#blocks.has(first + run)) run += 1;
    if (first === this.#lastEnd) run = Math.max(run, Math.min(this.#lastRun * 2, mostBlocks));
    this.#lastRun = run;
    this.#lastEnd = first + run;
    const from = first * blockBytes;
    const wanted = Math.min(run * blockBytes, this.size - from);
    let bytes = await this.#source.read(from, wanted);
    // A server may give less than was asked for; the rest is asked for again.
    while (bytes.length < wanted) {
      const more = await this.#source.read(from + bytes.length, wanted - bytes.length);
      if (more.length === 0) break;
      bytes = Buffer.concat([bytes, more]);
    }
    for (let at = 0; at < run; at++) {
      const part = bytes.subarray(at * blockBytes, (at + 1) * blockBytes);
      this.#blocks.set(first + at, part);
    }
    for (const block of this.#blocks.keys()) {
      if (this.#blocks.size <= Math.max(keptBlocks, run)) break;
      if (block >= headBlocks && (block < first || block >= first + run)) this.#blocks.delete(block);
    }
  }
}
