import { Failure } from '../core/failure.ts';
import { id3Length } from './index-length.ts';
import type { ReadAhead } from './read-ahead.ts';

export interface CountingLimits {
  /** Bytes that may be fetched for it. */
  readonly bytes: number;
  /** Fetches that may be made for it. */
  readonly requests: number;
  /** Whether the whole file has to be read, frame by frame, because it has no index. */
  readonly throughout: boolean;
}

const frameBytes = 4096;
/** The count stands in the first frame, behind at most 36 bytes of side information. */
const countMarks = ['Xing', 'Info', 'VBRI'];

/** Whether an MP3 tells the number of its frames. Without it, its length is a guess from the first bit rate. */
export async function hasFrameCount(file: ReadAhead): Promise<boolean> {
  const tag = id3Length(Buffer.from(await file.read(0, 10)));
  const bytes = Buffer.from(await file.read(tag, frameBytes));
  for (let at = bytes.indexOf(0xff); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    if (((bytes[at + 1] ?? 0) & 0xe0) !== 0xe0) continue;
    const frame = bytes.toString('latin1', at, at + 48);
    return countMarks.some((mark) => frame.includes(mark));
  }
  return false;
}

/**
 * Seconds counted from the packets themselves: mp3, aac, ogg, wav, flac, mp4, mov, mkv and webm.
 * Undefined for other formats, for broken files, and when it would take more than the limits.
 * @throws what reading the source throws
 */
export async function countSeconds(file: ReadAhead, limits: CountingLimits): Promise<number | undefined> {
  const { ALL_FORMATS, CustomSource, Input } = await import('mediabunny');
  const before = { ...file.used };
  let unreadable: Failure | undefined;
  const source = new CustomSource({
    getSize: () => file.size,
    async read(start, end) {
      const requests = file.used.requests - before.requests;
      if (requests >= limits.requests || file.used.bytes - before.bytes >= limits.bytes)
        throw new Error('above the limits');
      return file.read(start, end - start).catch((error: unknown) => {
        if (error instanceof Failure) unreadable = error;
        throw error;
      });
    },
    maxCacheSize: 1024 * 1024,
    // Ten thousand frames asked for one by one take a second; an index is a few small reads far apart.
    prefetchProfile: limits.throughout ? 'network' : 'none',
  });
  const input = new Input({ formats: ALL_FORMATS, source });
  try {
    const seconds = await input.computeDuration();
    return seconds > 0 && Number.isFinite(seconds) ? Math.round(seconds * 1000) / 1000 : undefined;
  } catch {
    if (unreadable) throw unreadable;
    return undefined;
  } finally {
    input.dispose();
  }
}
