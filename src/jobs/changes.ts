import type { Job } from '../core/job.ts';
import type { JobStore } from './store.ts';

type Listener = (job: Job) => void;

/** How often to look for what other processes on the same file have changed, while somebody listens. */
const foreignCheckMs = 1_000;

/**
 * Every stored change, in order, to everyone in this process who listens. Changes by this process
 * and by others come the same way, from the store: there is no second path to forget.
 */
export class ChangeFeed {
  readonly #store: JobStore;
  readonly #listeners = new Set<Listener>();
  #last: number;
  #timer: NodeJS.Timeout | undefined;
  #pumping: Promise<void> | undefined;
  #again = false;

  private constructor(store: JobStore, last: number) {
    this.#store = store;
    this.#last = last;
  }

  static async open(store: JobStore): Promise<ChangeFeed> {
    return new ChangeFeed(store, await store.lastRevision());
  }

  /** Calls the listener for every change from now on. Returns what ends that. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    this.#timer ??= setInterval(() => void this.pump(), foreignCheckMs).unref();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  /** Delivers what has been stored since the last time. */
  async pump(): Promise<void> {
    if (this.#pumping) {
      this.#again = true;
      return this.#pumping;
    }
    this.#pumping = this.#deliver().finally(() => {
      this.#pumping = undefined;
      if (this.#again) void this.pump();
    });
    return this.#pumping;
  }

  async #deliver(): Promise<void> {
    do {
      this.#again = false;
      for (const job of await this.#store.changesSince(this.#last)) {
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
