import { type Cloud, type Lane, type Operation } from '../core/operation.ts';
import type { Connections } from '../clouds/accounts.ts';
import type { Job } from '../core/job.ts';
import type { Log } from '../log.ts';
import type { ClaimScope } from './rows.ts';
import type { Runner } from './runner.ts';
import type { JobStore } from './store.ts';

export interface SchedulerOptions {
  readonly store: JobStore;
  readonly runner: Runner;
  readonly connections: Connections;
  readonly operations: readonly Operation[];
  readonly laneSizes: Readonly<Record<string, number>>;
  readonly now: () => number;
  readonly speed: number;
  readonly log: Log;
  /** Called after every stored change. */
  readonly changed: () => void;
}

/** Longer than a submit or a poll can take, repeated once with a corrected clock: a lease never ends under a living owner. */
const leaseMs = 90_000;
const pollsAtOnce = 16;
const idleMs = 30_000;

/** Decides which job is sent or asked after next, and when. All it knows is in the store. */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #lanes: Map<string, Lane>;
  readonly #underway = new Set<Promise<void>>();
  readonly #lastSubmit = new Map<string, number>();
  readonly #scope: ClaimScope;
  #timer: NodeJS.Timeout | undefined;
  #ticking: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#lanes = new Map(options.operations.map(({ wire }) => [wire.lane.name, wire.lane]));
    this.#scope = {
      clouds: Object.keys(options.connections) as Cloud[],
      accounts: Object.values(options.connections).map((connection) => connection.account),
    };
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
    await Promise.allSettled(this.#underway);
  }

  async #tick(): Promise<void> {
    clearTimeout(this.#timer);
    let delay = idleMs;
    try {
      do {
        this.#again = false;
        const claimed = await this.#claim();
        const due = await this.#options.store.claims.nextDueAt(this.#scope.accounts);
        const wait = due === undefined ? idleMs : due - this.#options.now();
        // Work that is due but could not be claimed waits for room or for another process's lease.
        delay = Math.min(wait > 0 ? wait : claimed ? 0 : 500, this.#paced(), idleMs);
      } while (this.#again);
    } catch (error) {
      this.#options.log.error('the job store could not be read', { error });
      delay = 5_000;
    }
    if (!this.#stopped) this.#timer = setTimeout(() => void this.wake(), delay);
  }

  async #claim(): Promise<boolean> {
    const { claims } = this.#options.store;
    let claimed = false;
    for (const job of await claims.abandonedSubmits()) await this.#abandon(job);
    for (const { account, lane } of await claims.lanesWithWork(this.#scope.accounts))
      claimed = (await this.#claimLane(account, lane)) || claimed;
    const room = pollsAtOnce - this.#underway.size;
    if (room > 0)
      for (const job of await claims.claimPolls(room, leaseMs, this.#scope)) {
        claimed = true;
        this.#run(this.#options.runner.poll(job), job);
      }
    return claimed;
  }

  /** Milliseconds until a lane that keeps a pace may send again. */
  #paced(): number {
    const { now, speed } = this.#options;
    const waits = [...this.#lastSubmit].map(
      ([name, at]) => at + (this.#lanes.get(name)?.spacingMs ?? 0) / speed - now(),
    );
    return Math.min(idleMs, ...waits.filter((wait) => wait > 0));
  }

  async #claimLane(account: string, name: string): Promise<boolean> {
    const { store, now, laneSizes, speed } = this.#options;
    const lane = this.#lanes.get(name);
    if (!lane) return false;
    const spacing = (lane.spacingMs ?? 0) / speed;
    let claimed = false;
    while (!this.#stopped) {
      if (spacing > 0 && now() - (this.#lastSubmit.get(name) ?? 0) < spacing) break;
      const job = await store.claims.claimSubmit(account, name, laneSizes[name] ?? lane.size, leaseMs);
      if (!job) break;
      this.#lastSubmit.set(name, now());
      this.#options.changed();
      this.#run(this.#options.runner.submit(job), job);
      claimed = true;
    }
    return claimed;
  }

  #run(work: Promise<void>, job: Job): void {
    const settled = work
      .catch((error: unknown) =>
        this.#options.log.error('a job could not be recorded', { job: job.id, error }),
      )
      .finally(() => {
        this.#underway.delete(settled);
        this.#options.changed();
        void this.wake();
      });
    this.#underway.add(settled);
  }

  async #abandon(job: Job): Promise<void> {
    await this.#options.runner.abandoned(job);
    this.#options.changed();
  }
}
