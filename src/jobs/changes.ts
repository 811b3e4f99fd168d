import type { Job } from '../core/job.ts';
import type { Log } from '../log.ts';
import type { JobStore } from './store.ts';

type Listener = (job: Job) => void;

/** How often to look for what other processes on the same file have changed, while somebody listens. */
const foreignCheckMs = 1_000;
const atOnce = 500;

/**
 * Every stored change, in order, to everyone in this process who listens. Changes by this process
 * and by others come the same way, from the store: there is no second path to forget.
 */
export class ChangeFeed {
  readonly #store: Pick<JobStore, 'changesSince'>;
  readonly #log: Log;
  readonly #isTold: boolean;
  readonly #listeners = new Set<Listener>();
  #last: number;
  #timer: NodeJS.Timeout | undefined;
  #pumping: Promise<void> | undefined;
  #again = false;

  private constructor(store: Pick<JobStore, 'changesSince'>, log: Log, isTold: boolean, last: number) {
    this.#store = store;
    this.#log = log;
    this.#isTold = isTold;
    this.#last = last;
  }

  /** @param isTold whether somebody calls `pump` when another process has changed a job */
  static async open(
    store: Pick<JobStore, 'changesSince' | 'lastRevision'>,
    log: Log,
    isTold = false,
  ): Promise<ChangeFeed> {
    return new ChangeFeed(store, log, isTold, await store.lastRevision());
  }

  /** Calls the listener for every change from now on. Returns what ends that. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    if (!this.#isTold) this.#timer ??= setInterval(() => void this.pump(), foreignCheckMs).unref();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  /**
   * Delivers what has been stored since the last time. Never throws: what is heard late is no reason for
   * a job that is already committed to look as if it had failed.
   */
  async pump(): Promise<void> {
    if (this.#pumping) {
      this.#again = true;
      return this.#pumping;
    }
    this.#pumping = this.#deliver()
      .catch((error: unknown) => {
        this.#again = false;
        this.#log.warn('changes of jobs could not be read', { error });
      })
      .finally(() => {
        this.#pumping = undefined;
        if (this.#again) void this.pump();
      });
    return this.#pumping;
  }

  async #deliver(): Promise<void> {
    do {
      this.#again = false;
      const changed = await this.#store.changesSince(this.#last, atOnce);
      if (changed.length === atOnce) this.#again = true;
      for (const job of changed) {
        this.#last = job.revision;
        for (const listener of this.#listeners) listener(job);
      }
    } while (this.#again);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }
}
