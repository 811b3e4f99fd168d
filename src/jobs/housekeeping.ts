import type { Log } from '../log.ts';
import type { JobStore } from './store.ts';

export interface HousekeepingOptions {
  readonly store: JobStore;
  /** Days for which ended jobs are kept after their last change; 0: for ever. */
  readonly keepDays: number;
  readonly now: () => number;
  readonly log: Log;
}

const firstMs = 60_000;
const everyMs = 6 * 3_600_000;
const dayMs = 24 * 3_600_000;
const atOnce = 500;

/** Removes what has long ended, and gives its room back. Files that were downloaded stay where they are. */
export class Housekeeping {
  readonly #options: HousekeepingOptions;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #cleaning: Promise<unknown> = Promise.resolve();

  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  /** Cleans a while after the start, then a few times a day. */
  start(): void {
    this.#plan(firstMs);
  }

  #plan(ms: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#cleaning = this.clean()
        .catch((error: unknown) => this.#options.log.warn('old jobs could not be removed', { error }))
        .finally(() => this.#plan(everyMs));
    }, ms).unref();
  }

  /** Removes the ended jobs that are older than is kept; unfinished and unknown ones never. Returns how many. */
  async clean(): Promise<number> {
    const { store, keepDays, now, log } = this.#options;
    if (keepDays <= 0) return 0;
    let removed = 0;
    for (let some = atOnce; some === atOnce && !this.#stopped; removed += some)
      some = await store.removeEnded(now() - keepDays * dayMs, atOnce);
    if (removed === 0) return 0;
    await store.reclaim();
    log.info('removed old jobs', { jobs: removed });
    return removed;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#cleaning;
  }
}
