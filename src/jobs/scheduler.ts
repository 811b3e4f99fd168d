import type { Connections } from '../clouds/accounts.ts';
import type { Job } from '../core/job.ts';
import type { Cloud } from '../core/operation.ts';
import type { Log } from '../log.ts';
import type { Budget } from './budget.ts';
import type { Expectations } from './expectations.ts';
import type { LaneRules } from './lane-rules.ts';
import type { Poller } from './poller.ts';
import type { ClaimedJob, NewJob } from './rows.ts';
import type { Runner } from './runner.ts';
import type { JobStore } from './store.ts';

export interface SchedulerOptions {
  readonly store: JobStore;
  readonly lanes: LaneRules;
  readonly runner: Runner;
  readonly poller: Poller;
  readonly expectations: Pick<Expectations, 'longestWait'>;
  readonly budget: (cloud: Cloud) => Budget | undefined;
  readonly connections: Connections;
  /** Some process is woken when a job is due; else each looks at the clock itself. */
  readonly wokenWhenDue: boolean;
  readonly now: () => number;
  readonly log: Log;
  /** Called after every stored change. */
  readonly changed: () => void;
}

/** Longer than a submit or a poll can take, tried three times by a corrected clock: a lease never ends under a living owner. */
const leaseMs = 120_000;
/** Questions that one cloud may leave unanswered before it has to wait; the other clouds do not. */
const pollsPerCloud = 16;
const idleMs = 30_000;
/** What is due so soon is waited for here, also where others are woken: their clock may be a little ahead of ours. */
const nearMs = 1_000;
/** Longer than any wait that is stored while there is no crowd. */
const longestWaitMs = 10 * 60_000;
/** That a job is being sent is told unless its receipt comes first: telling takes the time in which it would leave. */
const newsMs = 20;
const repairEveryMs = 60_000;
const countEveryMs = 5_000;

/** Decides which job is sent or asked after next, and when. One timer; all it knows is in the store. */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #underway = new Set<Promise<unknown>>();
  readonly #polled = new Map<Cloud, Set<string>>();
  #timer: NodeJS.Timeout | undefined;
  #ticking: Promise<void> | undefined;
  #again = false;
  #stopped = false;
  #repairedAt = Number.NEGATIVE_INFINITY;
  #owners = 1;
  #countedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /**
   * Stores a new job, as `JobStore.insert` does. Where its lane has room it is sent at once, by the same commit; then
   * `sent` settles when what came of that is stored. Else somebody has to `wake` this.
   */
  async admit(job: NewJob): Promise<{ job: Job; created: boolean; sent?: Promise<void> }> {
    const { store, lanes, runner } = this.#options;
    const rule = this.#stopped ? undefined : lanes.of(job);
    const claimed = rule && (await this.#finishing(store.lanes.admit(job, rule, leaseMs)));
    if (!claimed) return store.insert(job);
    setTimeout(() => !this.#stopped && this.#options.changed(), newsMs).unref();
    return { job: claimed, created: true, sent: this.#run(runner.submit(claimed), claimed) };
  }

  /** Looks for work now. Resolves when every job that could be claimed has been claimed. */
  async wake(): Promise<void> {
    if (this.#stopped) return;
    if (this.#ticking) {
      this.#again = true;
      return this.#ticking;
    }
    this.#ticking = this.#tick().finally(() => {
      this.#ticking = undefined;
      // Somebody may have called just as the last look ended.
      if (this.#again) void this.wake();
    });
    return this.#ticking;
  }

  /** Stops claiming and waits for what is under way. Unfinished jobs stay in the store for the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#ticking;
    // What is admitted in its last moment is sent, too.
    while (this.#underway.size > 0) await Promise.allSettled(this.#underway);
  }

  async #tick(): Promise<void> {
    clearTimeout(this.#timer);
    let delay = idleMs;
    try {
      do {
        this.#again = false;
        delay = await this.#look();
      } while (this.#again && !this.#stopped);
    } catch (error) {
      this.#options.log.error('the job store could not be used', { error });
      delay = 5_000;
    }
    if (!this.#stopped)
      this.#timer = setTimeout(() => void this.wake(), Math.max(0, Math.min(delay, idleMs)));
  }

  /** Claims all that can be claimed. Returns the milliseconds until the next look. */
  async #look(): Promise<number> {
    const { store, connections, lanes, runner } = this.#options;
    await this.#repair();
    for (const job of await store.claims.abandonedSubmits(leaseMs)) {
      await runner.abandoned(job);
      this.#options.changed();
    }
    let delay = idleMs;
    for (const rule of lanes.all()) {
      while (!this.#stopped) {
        const { job, waitMs } = await store.lanes.claim(rule, leaseMs);
        if (waitMs !== undefined) delay = Math.min(delay, waitMs);
        if (!job) break;
        this.#options.changed();
        void this.#run(runner.submit(job), job);
      }
    }
    for (const [cloud, connection] of Object.entries(connections))
      delay = Math.min(delay, await this.#ask(cloud as Cloud, connection.account));
    return delay;
  }

  /** Puts the questions that are due to one cloud, as many as it may be asked. */
  async #ask(cloud: Cloud, account: string): Promise<number> {
    const { store, budget: budgets, poller, now } = this.#options;
    const budget = budgets(cloud);
    if (!budget || this.#stopped) return idleMs;
    const asked = this.#polled.get(cloud) ?? new Set<string>();
    this.#polled.set(cloud, asked);
    const { perSecond } = budget;
    let gapMs = 1;
    const limit = Math.min(pollsPerCloud - asked.size, budget.available());
    if (limit > 0) {
      budget.share(await this.#sharers());
      const jobs = await store.claims.polls(
        { cloud, account, underway: [...asked], perSecond },
        limit,
        leaseMs,
      );
      budget.spend(jobs.length);
      // Others on the store have used it up, or nothing more is due.
      if (jobs.length < limit) gapMs = Math.ceil(1_000 / perSecond);
      for (const job of jobs) {
        asked.add(job.id);
        void this.#run(
          poller.poll(job).finally(() => asked.delete(job.id)),
          job,
        );
      }
    }
    // The end of a question that is under way wakes us: until then there is no use in looking.
    if (asked.size >= pollsPerCloud) return idleMs;
    const due = await store.claims.nextDueAt({ cloud, account });
    if (due === undefined) return idleMs;
    const dueMs = due - now();
    if (this.#options.wokenWhenDue && dueMs > nearMs) return idleMs;
    return Math.max(dueMs, budget.waitMs(), gapMs);
  }

  /** Several processes on one store share an account's budget. */
  async #sharers(): Promise<number> {
    if (performance.now() - this.#countedAt >= countEveryMs) {
      this.#countedAt = performance.now();
      this.#owners = await this.#options.store.claims.activeOwners();
    }
    return this.#owners;
  }

  async #repair(): Promise<void> {
    if (performance.now() - this.#repairedAt < repairEveryMs) return;
    this.#repairedAt = performance.now();
    const { store, connections, expectations } = this.#options;
    const accounts = Object.values(connections).map(({ account }) => account);
    const waits = await Promise.all(accounts.map((account) => expectations.longestWait(account)));
    await store.claims.repairTimes(Math.max(longestWaitMs, ...waits.map((ms) => 2 * ms)));
  }

  #run(work: Promise<void>, job: ClaimedJob): Promise<void> {
    const settled = work
      .catch((error: unknown) =>
        this.#options.log.error('a job could not be recorded', { job: job.id, error }),
      )
      .finally(() =>
        this.#soon(() => {
          this.#options.changed();
          void this.wake();
        }),
      );
    return this.#finishing(settled);
  }

  /** After the requests and answers that are ready to leave: on a file, nothing leaves while the store is read. */
  #soon(work: () => void): void {
    setImmediate(() => {
      if (!this.#stopped) work();
    });
  }

  /** Work that `stop` waits for. */
  #finishing<T>(work: Promise<T>): Promise<T> {
    const settled = Promise.allSettled([work]).finally(() => this.#underway.delete(settled));
    this.#underway.add(settled);
    return work;
  }
}
