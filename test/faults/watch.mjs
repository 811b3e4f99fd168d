import { setTimeout as pause } from 'node:timers/promises';
import { NoAnswer } from './server.mjs';

/** Where a job may go from a state, in any number of steps. The campaign's own table, not the product's. */
const onwards = {
  queued: ['queued', 'submitting', 'pending', 'running', 'succeeded', 'failed', 'cancelled', 'unknown'],
  submitting: ['queued', 'submitting', 'pending', 'running', 'succeeded', 'failed', 'cancelled', 'unknown'],
  pending: ['pending', 'running', 'succeeded', 'failed', 'cancelled'],
  running: ['running', 'succeeded', 'failed', 'cancelled'],
  unknown: ['unknown', 'pending', 'running', 'succeeded', 'failed', 'cancelled'],
  succeeded: ['succeeded'],
  failed: ['failed'],
  cancelled: ['cancelled'],
};

const stallMs = 1_000;

/** What everybody has seen, and when. */
export class Watch {
  violations = [];
  submitting = 0;
  sightings = 0;
  lists = 0;
  #seen = new Map();
  #stalls = [];
  #asking = Date.now();
  #stopped = false;
  #tasks = [];

  violation(what, detail) {
    this.violations.push({ what, detail: String(detail).slice(0, 600) });
  }

  /**
   * Whoever asks after others were answered learns nothing older than they did, on whatever server they asked.
   * Answers to questions that overlap may come in any order.
   */
  saw({ job_id: id, status, updated_at: updatedAt }, askedAt) {
    this.sightings += 1;
    const seen = this.#seen.get(id) ?? [];
    this.#seen.set(id, seen);
    const before = seen.findLast(({ at }) => at < askedAt);
    if (before && !onwards[before.status]?.includes(status))
      this.violation('a state moved backward', `${id}: ${before.status} -> ${status}`);
    if (before && updatedAt < before.updatedAt)
      this.violation('a job grew younger', `${id}: ${before.updatedAt} -> ${updatedAt}, ${status}`);
    const last = seen.at(-1);
    if (last?.status !== status || last.updatedAt !== updatedAt)
      seen.push({ at: performance.now(), status, updatedAt });
  }

  /** Lists the newest jobs over and over, on any server. */
  async #observe(pool, random) {
    while (!this.#stopped) {
      await pause(250);
      const server = await pool.pick(random);
      const askedAt = performance.now();
      try {
        const { structured, error } = await server.call('list_jobs', { limit: 100 }, 30_000);
        if (error) this.violation('an error was shown to an agent', `list_jobs: ${error}`);
        this.lists += 1;
        for (const job of structured?.jobs ?? []) this.saw(job, askedAt);
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error;
      }
    }
  }

  async #feelStalls(cloud) {
    while (!this.#stopped) {
      this.#asking = Date.now();
      await cloud.requests().catch(() => undefined);
      await pause(100);
      if (Date.now() - this.#asking > stallMs) this.#stalls.push([this.#asking, Date.now()]);
    }
  }

  /** Whether this machine or the emulator has stood still since then, or does so now. */
  stoodStillSince(moment) {
    return this.#stalls.some(([, to]) => to >= moment) || Date.now() - this.#asking > stallMs;
  }

  start(pool, random, cloud) {
    this.#tasks = [this.#observe(pool, random), this.#feelStalls(cloud)];
  }

  async stop() {
    this.#stopped = true;
    await Promise.all(this.#tasks);
  }
}
