import type { FileHandle } from 'node:fs/promises';

/** A form as it came: the fields before the file, and how long the file was. */
export interface FormPost {
  readonly fields: ReadonlyMap<string, string>;
  /** Undefined when no file came. */
  readonly fileBytes: number | undefined;
  /** True when something followed the file. */
  readonly fileNotLast: boolean;
}

/** The body is no form as RFC 7578 describes it. */
export class NotAForm extends Error {}

const mostTextBytes = 64 * 1024;

/** Reads a body piece by piece, up to marks. */
class Marked {
  #held: Buffer;
  readonly #chunks: AsyncIterator<Buffer>;

  constructor(body: AsyncIterable<Buffer>, start: string) {
    this.#held = Buffer.from(start);
    this.#chunks = body[Symbol.asyncIterator]();
  }

  /** Hands on everything before the mark and steps over it. False when the body ends first. */
  async upTo(mark: string, take: (piece: Buffer) => void | Promise<void>): Promise<boolean> {
    for (;;) {
      const at = this.#held.indexOf(mark, 0, 'latin1');
      const found = at >= 0;
      // A mark may lie across two chunks, so its length is held back.
      const safe = found ? at : Math.max(0, this.#held.length - mark.length + 1);
      await take(this.#held.subarray(0, safe));
      this.#held = this.#held.subarray(found ? at + mark.length : safe);
      if (found) return true;
      const next = await this.#chunks.next();
      if (next.done) {
        await take(this.#held);
        return false;
      }
      this.#held = Buffer.concat([this.#held, next.value]);
    }
  }

  async text(mark: string): Promise<{ text: string; found: boolean }> {
    let text = '';
    const found = await this.upTo(mark, (piece) => {
      text += piece.toString('latin1');
      if (text.length > mostTextBytes) throw new NotAForm('a field is too long');
    });
    return { text, found };
  }

  /** Reads on to the end, so that the sender hears the answer. */
  async drain(): Promise<void> {
    while (!(await this.#chunks.next()).done) this.#held = Buffer.alloc(0);
  }
}

/**
 * Reads a multipart form whose file goes to disk as it comes.
 * @param mostBytes beyond which the file is counted and no longer kept
 * @throws NotAForm
 */
export async function readForm(
  body: AsyncIterable<Buffer>,
  boundary: string,
  file: FileHandle,
  mostBytes: number,
): Promise<FormPost> {
  const delimiter = `\r\n--${boundary}`;
  const parts = new Marked(body, '\r\n');
  const fields = new Map<string, string>();
  let fileBytes: number | undefined;
  if (!(await parts.upTo(delimiter, () => undefined))) throw new NotAForm('no boundary');
  for (;;) {
    const { text, found } = await parts.text('\r\n\r\n');
    if (text.startsWith('--')) break;
    const name = /\bname="([^"]*)"/.exec(text)?.[1];
    if (!found || name === undefined) throw new NotAForm('a part without a name');
    if (fileBytes !== undefined) {
      await parts.drain();
      return { fields, fileBytes, fileNotLast: true };
    }
    if (name !== 'file') {
      const value = await parts.text(delimiter);
      if (!value.found) throw new NotAForm('a field without an end');
      fields.set(name, value.text);
      continue;
    }
    let bytes = 0;
    const whole = await parts.upTo(delimiter, async (piece) => {
      bytes += piece.length;
      if (bytes <= mostBytes) await file.appendFile(piece);
    });
    if (!whole) throw new NotAForm('a file without an end');
    fileBytes = bytes;
  }
  return { fields, fileBytes, fileNotLast: false };
}
