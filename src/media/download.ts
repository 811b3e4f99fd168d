import { setTimeout as pause } from 'node:timers/promises';
import { Failure } from '../core/failure.ts';
import { PartialFile, type StoredFile } from './partial-file.ts';
import { Transfer } from './transfer.ts';

export interface ResultLink {
  readonly url: string;
  /** Milliseconds since the epoch: no further attempt is made when this is near. */
  readonly expiresAt: number;
}

export interface DownloadRequest extends ResultLink {
  readonly directory: string;
  /** File name without any separator; made by us, never taken from the address. */
  readonly fileName: string;
  readonly allowPrivateAddresses: boolean;
  /** 8 GiB when left out. */
  readonly maxBytes?: number;
  /** Longest wait for an answer, and for its next bytes; 30 s when left out. */
  readonly patienceMs?: number;
  /** The pause after a first failure; 1 s when left out. It doubles with every further one, up to 5 minutes. */
  readonly firstPauseMs?: number;
  readonly signal?: AbortSignal;
  /** Asked once, when the link has died, for another one to the same file. */
  readonly renew?: () => Promise<ResultLink | undefined>;
  /** Runs an attempt when it is its turn; the pauses between attempts keep nobody waiting. */
  readonly turn?: (attempt: () => Promise<void>) => Promise<void>;
  readonly report?: (bytes: number, totalBytes: number | undefined) => void;
  /** Called when an attempt failed and another will follow. */
  readonly failed?: (failure: Failure) => void;
}

const longestPauseMs = 5 * 60_000;
/** An attempt that begins later than this before the link's end would hardly finish. */
const marginMs = 20_000;

function stopped(cause: unknown): Failure {
  return new Failure({
    kind: 'network',
    message: 'The download was stopped.',
    advice: 'Call download_result again before the link expires.',
    retryable: true,
    cause,
  });
}

/** Half to all of a wait that doubles: many that fail together do not come back together. */
function backoff(failures: number, firstMs: number): number {
  return Math.min(longestPauseMs, firstMs * 2 ** Math.min(failures, 20)) * (0.5 + Math.random() / 2);
}

/**
 * Streams a result to disk, never whole in memory: under a temporary name until it is whole, hashed on the way,
 * resumed after a cut, tried again until its link is about to die. Never overwrites a file.
 *
 * @throws `expired` when the link has died, `storage` when the directory cannot be written, `permission` for
 * an address that is not public, `media` for one that is too large, `network` otherwise
 */
export async function download(request: DownloadRequest): Promise<StoredFile> {
  const { allowPrivateAddresses, patienceMs = 30_000, maxBytes = 8 * 1024 ** 3, signal } = request;
  const { turn = (attempt) => attempt(), firstPauseMs = 1000, report } = request;
  const partial = new PartialFile(request.directory);
  const options = { allowPrivateAddresses, patienceMs, maxBytes, signal, report };
  const transfer = new Transfer(partial, options);
  let link: ResultLink = request;
  let { renew } = request;
  try {
    for (let failures = 0; ; failures++) {
      const before = partial.bytes;
      try {
        await turn(() => transfer.attempt(link.url));
        return await partial.keep(request.fileName);
      } catch (error) {
        if (signal?.aborted) throw stopped(error);
        if (!(error instanceof Failure)) throw error;
        if (error.kind === 'expired') {
          const fresh = await renew?.();
          renew = undefined;
          if (!fresh) throw error;
          link = fresh;
          continue;
        }
        if (partial.bytes > before) failures = 0;
        const waitMs = backoff(failures, firstPauseMs);
        if (!error.retryable || Date.now() + waitMs > link.expiresAt - marginMs) throw error;
        request.failed?.(error);
        await pause(waitMs, undefined, { signal }).catch((reason: unknown) => {
          throw stopped(reason);
        });
      }
    }
  } finally {
    await partial.discard();
  }
}
