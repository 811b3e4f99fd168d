import { setTimeout as pause } from 'node:timers/promises';
import { Agent, Intent } from './agent.mjs';
import { draw } from './faults.mjs';
import { randomFrom } from './random.mjs';

/** Longer than the lease of a server that died while it submitted. */
const longestLifeMs = 150_000;
/** A short campaign leaves a job that waits for such a lease. */
const hastyLifeMs = 15_000;

/**
 * The life of one operation: an episode after another, each a fault for the emulator and the submissions
 * that it meets. Only this program submits this operation, so every odd end has a fault to answer for it.
 */
export class Program {
  intents = [];
  /** What was scripted, with its label: the kind of fault, and how many runs it counts for at most. */
  scripted = [];
  excusedByKill = 0;
  excusedByStall = 0;
  #parts;
  #operation;
  #random;
  #next;
  #agent;
  #credit = { unknown: 0, failed: 0 };

  /** @param next gives the next kind of fault */
  constructor(operation, next, parts) {
    this.#operation = operation;
    this.#next = next;
    this.#parts = parts;
    this.#random = randomFrom(parts.seed, operation.tool);
    this.#agent = new Agent({ ...parts, random: this.#random });
  }

  /** Calls that were made twice at the same moment. */
  get twins() {
    return this.#agent.twins;
  }

  /** One submission that nothing is scripted for: files are looked at and rendered once, the machine is warm. */
  async rehearse(lifeMs) {
    await this.#episode([this.#newIntent(true)], { rehearsal: true, lifeMs });
  }

  /** Goes on until so many runs have met their fault. */
  async run(runs) {
    for (let done = 0, episodes = 0; done < runs && episodes < 2 * runs + 10; episodes++) {
      const { cloud, timeoutMs } = this.#parts;
      const { kind, owed } = this.#next();
      const drawn = draw(kind, this.#operation, this.#random, { timeoutMs, runs: owed ? 1 : runs - done });
      const label = `${this.#operation.tool} ${episodes}: ${kind.name}`;
      this.scripted.push({ label, kind: kind.name, counted: drawn.counted });
      await cloud.fault({ ...drawn.scripted, label });
      if (kind.unknowable) this.#credit.unknown += drawn.scripted.times;
      if (kind.failing) this.#credit.failed += drawn.scripted.times;
      const intents = Array.from({ length: drawn.lives }, () => this.#newIntent(this.#random.chance(0.75)));
      await this.#episode(intents, { fickle: !owed });
      done += Math.min((await cloud.hits())[label] ?? 0, drawn.counted);
    }
  }

  get #lifeMs() {
    return this.#parts.hasty ? hastyLifeMs : longestLifeMs;
  }

  #newIntent(keyed) {
    const mark = `intent-${this.#operation.tool}-${this.intents.length}-end`;
    const intent = new Intent(mark, this.#operation, keyed);
    this.intents.push(intent);
    return intent;
  }

  async #episode(intents, { fickle = false, rehearsal = false, lifeMs = this.#lifeMs }) {
    const random = this.#random;
    const plans = intents.map((intent) => ({
      intent,
      headStart: random.pick([0, 0, 20, 100]),
      cancels: random.chance(0.06) && fickle,
    }));
    await Promise.all(
      plans.map(async ({ intent, headStart, cancels }) => {
        await pause(headStart);
        await this.#agent.submit(intent);
        if (intent.jobIds.size === 0) return;
        if (cancels && intent.told.status !== 'unknown') await this.#agent.cancel(intent);
        await this.#agent.follow(intent, lifeMs);
      }),
    );
    for (const intent of intents) this.#judge(intent, rehearsal);
  }

  /**
   * An end other than success needs a fault that explains it, or a kill. When the emulator looks at files for the
   * first time, in a rehearsal, it may take longer than a server waits.
   */
  #judge({ mark, told, startedAt }, rehearsal) {
    const { watch, pool } = this.#parts;
    if (told?.status === 'unknown') {
      const { message = '', code = '' } = told.failure ?? {};
      if (message.startsWith('A server process ended') && pool.kills.some((at) => at >= startedAt))
        this.excusedByKill += 1;
      else if (this.#credit.unknown > 0) this.#credit.unknown -= 1;
      else if (/TIMEOUT/i.test(`${code} ${message}`) && (rehearsal || watch.stoodStillSince(startedAt)))
        this.excusedByStall += 1;
      else watch.violation('unknown without a cause', `${mark}: ${message}`);
    }
    if (told?.status === 'failed') {
      if (this.#credit.failed > 0) this.#credit.failed -= 1;
      else watch.violation('failed without a cause', `${mark}: ${told.failure?.message}`);
    }
    if (told?.status === 'succeeded' && !told.outputs?.length)
      watch.violation('succeeded with nothing', mark);
  }
}
