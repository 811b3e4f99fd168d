import { stat } from 'node:fs/promises';
import type { Wire } from '../core/operation.ts';
import type { Message, Reply } from './exchange.ts';
import type { Ending, Rendered } from './render.ts';
import { hex } from './world.ts';

const prefix = '/_results/';

const contentTypes: Readonly<Record<Ending, string>> = {
  mp4: 'video/mp4',
  webm: 'video/webm',
  mov: 'video/quicktime',
  mp3: 'audio/mpeg',
  wav: 'audio/wav',
  srt: 'application/x-subrip',
  png: 'image/png',
};

interface Published {
  readonly file: string;
  readonly type: string;
  readonly expiresAt: number;
  readonly wire: Wire;
}

function refusal(status: number, code: string, message: string): Reply {
  const body = `<?xml version="1.0"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>\n`;
  return { status, type: 'application/xml', body };
}

/** The object store behind the clouds: finished files at addresses that cannot be guessed and that expire. */
export class Results {
  readonly #lifetimeSeconds: number | undefined;
  readonly #published = new Map<string, Published>();

  /** @param lifetimeSeconds real seconds; unset: the operation's documented life */
  constructor(lifetimeSeconds?: number) {
    this.#lifetimeSeconds = lifetimeSeconds;
  }

  /** Gives a file its own address below `base`. */
  publish(base: string, { path: file, ending }: Rendered, wire: Wire): string {
    const name = `${hex(20)}.${ending}`;
    const expiresAt = Date.now() + (this.#lifetimeSeconds ?? wire.resultLifetimeSeconds) * 1000;
    this.#published.set(name, { file, type: contentTypes[ending], expiresAt, wire });
    return `${base}${prefix}${name}?Expires=${Math.ceil(expiresAt / 1000)}`;
  }

  clear(): void {
    this.#published.clear();
  }

  /** Undefined when the request is not for a result. */
  classify(path: string): { wire?: Wire } | undefined {
    if (!path.startsWith(prefix)) return undefined;
    return { wire: this.#published.get(path.slice(prefix.length))?.wire };
  }

  /** Serves a file, whole or one byte range. @param expired answer as if its life were over */
  async answer(message: Message, now: number, expired: boolean): Promise<Reply> {
    const found = this.#published.get(message.path.slice(prefix.length));
    if (message.method !== 'GET' && message.method !== 'HEAD')
      return refusal(405, 'MethodNotAllowed', 'Only GET and HEAD.');
    if (!found) return refusal(404, 'NoSuchKey', 'There is no such object.');
    if (expired || now > found.expiresAt) return refusal(403, 'AccessDenied', 'Request has expired.');
    const { size } = await stat(found.file);
    // A file never changes under its name, so the name is a mark of its content.
    const etag = `"${message.path.slice(prefix.length).split('.')[0]}"`;
    const headers = { 'accept-ranges': 'bytes', etag };
    const file = (start: number, end: number) => ({
      type: found.type,
      body: { file: found.file, start, end },
    });
    const condition = message.headers['if-range'];
    const wanted = condition === undefined || condition === etag ? message.headers.range : undefined;
    const asked = /^bytes=(\d*)-(\d*)$/.exec(wanted ?? '');
    if (!asked || (asked[1] === '' && asked[2] === '')) return { status: 200, headers, ...file(0, size - 1) };
    const [first, last] = [asked[1] ?? '', asked[2] ?? ''];
    const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
    const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
    if (start > end) {
      const reply = refusal(416, 'InvalidRange', 'The range lies outside the object.');
      return { ...reply, headers: { 'content-range': `bytes */${size}` } };
    }
    return {
      status: 206,
      headers: { ...headers, 'content-range': `bytes ${start}-${end}/${size}` },
      ...file(start, end),
    };
  }
}
