import { Failure, foreignText } from '../core/failure.ts';
import type { Job } from '../core/job.ts';
import type { ChangeFeed } from './changes.ts';
import type { JobFilter } from './rows.ts';
import type { JobStore } from './store.ts';

/** Every job in the store, whoever it belongs to: for the commands of whoever owns the store, never for a caller. */
export class Ledger {
  readonly #store: JobStore;
  readonly #changes: ChangeFeed;

  constructor(store: JobStore, changes: ChangeFeed) {
    this.#store = store;
    this.#changes = changes;
  }

  find(id: string): Promise<Job | undefined> {
    return this.#store.get(id);
  }

  /** Throws `not_found`. */
  async get(id: string): Promise<Job> {
    const job = await this.find(id);
    if (job) return job;
    throw new Failure({
      kind: 'not_found',
      message: `There is no job ${foreignText(id, 60)}.`,
      advice: 'See digital-human-mcp jobs list.',
    });
  }

  /** Newest first, without inputs and sentences. */
  list(filter: JobFilter): Promise<Job[]> {
    return this.#store.list(filter);
  }

  /** Calls the listener with every job that changes, here or in another process. Removals are not told. */
  listen(listener: (job: Job) => void): () => void {
    return this.#changes.listen(listener);
  }

  /**
   * Removes a job from the store; one that has not ended only with `unfinished`. The cloud hears nothing of it, and
   * its idempotency key is free again. False when it was not there, or is left because it has not ended.
   */
  async forget(job: Job, unfinished: boolean): Promise<boolean> {
    const removed = await this.#store.remove([job.id], unfinished);
    await this.#store.reclaim();
    return removed > 0;
  }
}
