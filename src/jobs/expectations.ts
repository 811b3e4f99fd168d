import { type Job, pollable } from '../core/job.ts';
import type { Operation } from '../core/operation.ts';
import { ours } from './budget.ts';
import { fewest, Forecast, median } from './forecast.ts';
import type { Expectation } from './jobs.ts';
import type { LaneRules } from './lane-rules.ts';
import { longestPollMs, pollDelay } from './poll-schedule.ts';
import type { JobStore, Sample } from './store.ts';

export interface ExpectationsOptions {
  readonly store: JobStore;
  readonly lanes: LaneRules;
  readonly now: () => number;
  /** How much faster than real time the clouds run. */
  readonly speed: number;
}

/** An expectation in the cloud's own time, with the spread around it. */
interface Outlook extends Expectation {
  readonly forecast: Forecast;
}

interface Learned {
  readonly readAt: number;
  /** From jobs whose length of result is known: milliseconds for one second of result. */
  readonly bySecond?: { readonly typical: number; readonly samples: number; readonly forecast: Forecast };
  readonly whole?: { readonly typical: number; readonly samples: number; readonly forecast: Forecast };
}

const freshMs = 60_000;
/** Questions about jobs that need long take no more than one in so many of an account's budget. */
const idleShare = 2;
const countedMs = 5_000;
/** Where no page gives a rate and no length is known. */
const assumedRate = 6;
const assumedSeconds = 10;
/** Too few jobs of this kind take so long for an estimate to be worth telling. */
const hopeless = 0.02;

function learn(times: readonly number[]): Learned['whole'] {
  if (times.length < fewest) return undefined;
  const typical = median(times);
  return { typical, samples: times.length, forecast: new Forecast(times.map((time) => time / typical)) };
}

/** How long jobs take: learned from the last fifty that succeeded, else documented, else assumed. */
export class Expectations {
  readonly #options: ExpectationsOptions;
  readonly #learned = new Map<string, Learned>();
  readonly #unlearned = new Forecast([]);
  /** Unfinished jobs in the cloud by account, and when they were counted. */
  readonly #crowds = new Map<string, { readonly jobs: number; readonly at: number }>();

  constructor(options: ExpectationsOptions) {
    this.#options = options;
  }

  /** In milliseconds of this machine's time. */
  async of(operation: Operation, resultSeconds?: number): Promise<Expectation> {
    const { milliseconds, basis, samples } = await this.#outlook(operation, resultSeconds);
    return { milliseconds: Math.round(milliseconds / this.#options.speed), basis, samples };
  }

  /** A job has ended: what was learned is to be read anew. */
  forget(tool: string): void {
    this.#learned.delete(tool);
  }

  /** Milliseconds of the cloud's time that a finished job is expected to have taken. */
  async cloudTime(operation: Operation, job: Job): Promise<number> {
    return (await this.#outlook(operation, job.resultSeconds)).milliseconds;
  }

  /** Milliseconds from now that no wait for a question exceeds, with so many jobs as the account has now. */
  async longestWait(account: string): Promise<number> {
    return Math.max(longestPollMs, await this.#crowdMs(account)) / this.#options.speed;
  }

  /** See `PollPlan`: longer the more jobs an account has in the cloud. */
  async #crowdMs(account: string): Promise<number> {
    let crowd = this.#crowds.get(account);
    if (!crowd || performance.now() - crowd.at > countedMs) {
      crowd = { jobs: await this.#options.store.claims.inCloud(account), at: performance.now() };
      this.#crowds.set(account, crowd);
    }
    return (idleShare * crowd.jobs * 1_000) / ours;
  }

  /** Milliseconds from now until the cloud should be asked again about an accepted job. */
  async pollDelay(operation: Operation, job: Job): Promise<number> {
    const { now, speed, store } = this.#options;
    const crowdMs = await this.#crowdMs(job.account);
    const { milliseconds: expectedMs, forecast } = await this.#outlook(operation, job.resultSeconds);
    const elapsedMs = now() - (job.startedAt ?? job.submittedAt ?? job.createdAt);
    const { parallel } = operation.wire.lane;
    const waiting = job.status !== 'running' && job.startedAt === undefined && parallel !== undefined;
    const ahead = waiting ? await store.inCloudBefore(job) : 0;
    if (!parallel || ahead < parallel) return pollDelay({ elapsedMs, expectedMs, speed, crowdMs }, forecast);
    // The cloud works on earlier jobs first: half the time that those are expected to need is surely left.
    const left = (Math.floor(ahead / parallel) * expectedMs) / 2;
    return pollDelay({ elapsedMs: 0, expectedMs: Math.max(left, 5_000), speed, crowdMs }, forecast);
  }

  /** See `Jobs.etaSeconds`. */
  async etaSeconds(operation: Operation, job: Job): Promise<number | undefined> {
    const { speed, now } = this.#options;
    const outlook = await this.#outlook(operation, job.resultSeconds);
    const typicalMs = outlook.milliseconds / speed;
    const seconds = (ms: number) => Math.max(1, Math.ceil(ms / 1000));
    if (job.status === 'queued') return seconds(typicalMs + (await this.#untilSent(job, typicalMs)));
    if (job.status === 'submitting') return seconds(typicalMs);
    // When a task from elsewhere was submitted is not known here.
    if (!(pollable as readonly string[]).includes(job.status) || !job.submittedAt) return undefined;
    const { parallel } = operation.wire.lane;
    const waiting = parallel !== undefined && job.startedAt === undefined && job.status === 'pending';
    const rounds = waiting ? Math.floor((await this.#options.store.inCloudBefore(job)) / parallel) : 0;
    if (rounds > 0) return seconds(typicalMs * (rounds + 1));
    const elapsed = Math.max(0, now() - (job.startedAt ?? job.submittedAt)) / typicalMs;
    const { forecast } = outlook;
    if (forecast.aliveAt(elapsed) < hopeless) return undefined;
    return seconds((forecast.quantile(0.5, elapsed) - elapsed) * typicalMs);
  }

  /** Milliseconds until a held job is sent, if all in its lane take as long as it does. */
  async #untilSent(job: Job, typicalMs: number): Promise<number> {
    const rule = this.#options.lanes.of(job);
    if (!rule) return 0;
    const { ahead, inFlight, size, heldMs } = await this.#options.store.lanes.prospect(job, rule);
    const lacking = ahead + 1 - Math.max(0, size - inFlight);
    const rounds = Math.max(0, Math.ceil(lacking / size));
    return heldMs + ahead * rule.spacingMs + rounds * typicalMs;
  }

  async #outlook(operation: Operation, resultSeconds: number | undefined): Promise<Outlook> {
    const { bySecond, whole } = await this.#read(operation.name);
    if (resultSeconds && bySecond)
      return { ...bySecond, milliseconds: bySecond.typical * resultSeconds, basis: 'learned' };
    if (whole) return { ...whole, milliseconds: whole.typical, basis: 'learned' };
    const rate = operation.wire.renderSecondsPerSecond;
    return {
      milliseconds: (rate ?? assumedRate) * (resultSeconds ?? assumedSeconds) * 1000,
      basis: rate !== undefined && resultSeconds !== undefined ? 'documented' : 'assumed',
      samples: 0,
      forecast: this.#unlearned,
    };
  }

  async #read(tool: string): Promise<Learned> {
    const known = this.#learned.get(tool);
    // The machine's own uptime: the wall clock may jump.
    if (known && performance.now() - known.readAt < freshMs) return known;
    const samples = await this.#options.store.samples(tool);
    const sized = samples.filter((sample): sample is Required<Sample> => !!sample.resultSeconds);
    const learned: Learned = {
      readAt: performance.now(),
      bySecond: learn(sized.map(({ cloudMs, resultSeconds }) => cloudMs / resultSeconds)),
      whole: learn(samples.map(({ cloudMs }) => cloudMs)),
    };
    this.#learned.set(tool, learned);
    return learned;
  }
}
