import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Failure, quoted } from '../core/failure.ts';

/** Bytes of a file or an address, read by ranges. */
export interface RangedSource {
  /** Total bytes; undefined when a server does not tell. */
  readonly size: number | undefined;
  /**
   * Where reading stops although the content goes on: a server that knows no ranges is read from the
   * start only. Undefined when every byte can be had.
   */
  readonly reach: number | undefined;
  /** Changes when the content changes: ETag, Last-Modified, or size and time of a file. For caching. */
  readonly validator: string | undefined;
  /** Bytes and requests so far. */
  readonly used: { readonly bytes: number; readonly requests: number };
  /** Fewer bytes than asked at the end, none behind it. One read at a time. */
  read(start: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

function unreadable(path: string, why: string, cause?: unknown): Failure {
  return new Failure({
    kind: 'storage',
    message: `The file ${quoted(path, 200)} ${why}.`,
    advice: 'Check the path, and that this server may read the file.',
    cause,
  });
}

/** Reads an open regular file by ranges. Closing the source closes the handle. */
export function sourceOf(
  handle: FileHandle,
  path: string,
  facts: { readonly size: number; readonly mtimeMs: number },
): RangedSource {
  const used = { bytes: 0, requests: 0 };
  return {
    size: facts.size,
    reach: undefined,
    validator: `${facts.size}-${facts.mtimeMs}`,
    used,
    async read(start, length) {
      const wanted = Math.max(0, Math.min(length, facts.size - start));
      if (wanted === 0) return new Uint8Array();
      const reply = await handle.read(new Uint8Array(wanted), 0, wanted, start).catch((error: unknown) => {
        throw unreadable(path, 'cannot be read', error);
      });
      used.requests += 1;
      used.bytes += reply.bytesRead;
      return reply.buffer.subarray(0, reply.bytesRead);
    },
    close: () => handle.close(),
  };
}

/**
 * Opens a regular file.
 * @throws `storage` when it cannot be opened or is a folder, a device or a pipe; `read` throws the same
 */
export async function fileSource(path: string): Promise<RangedSource> {
  // Without O_NONBLOCK, opening a pipe waits for a writer that may never come.
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
  const handle = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(path, `cannot be opened (${error.code ?? 'no reason given'})`, error);
  });
  const facts = await handle.stat();
  if (!facts.isFile()) {
    await handle.close();
    throw unreadable(path, 'is not a regular file');
  }
  return sourceOf(handle, path, facts);
}
