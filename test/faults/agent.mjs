import { NoAnswer } from './server.mjs';

const ended = new Set(['succeeded', 'failed', 'cancelled', 'unknown']);

/** One wish of an agent: it must be paid at most once, however often the agent asks. */
export class Intent {
  mark;
  operation;
  keyed;
  startedAt = Date.now();
  jobIds = new Set();
  calls = 0;
  /** The last thing that an agent was told. */
  told;

  constructor(mark, operation, keyed) {
    this.mark = mark;
    this.operation = operation;
    this.keyed = keyed;
  }
}

/** An agent as hosts run them: impatient, and it repeats itself where a key makes that safe. */
export class Agent {
  /** Calls that were made twice at the same moment, perhaps to two servers. */
  twins = 0;
  #pool;
  #random;
  #media;
  #watch;

  constructor({ pool, random, media, watch }) {
    this.#pool = pool;
    this.#random = random;
    this.#media = media;
    this.#watch = watch;
  }

  #input(intent) {
    const input = intent.operation.input(`${this.#media.url}/${intent.mark}`);
    return intent.keyed ? { ...input, idempotency_key: `key of ${intent.mark}` } : input;
  }

  async #submitOnce(intent, patienceMs) {
    const server = await this.#pool.pick(this.#random);
    intent.calls += 1;
    this.#watch.submitting += 1;
    const askedAt = performance.now();
    try {
      const { structured, error } = await server.call(intent.operation.tool, this.#input(intent), patienceMs);
      if (error) this.#watch.violation('an error was shown to an agent', `${intent.mark}: ${error}`);
      if (!structured?.job_id) return;
      intent.jobIds.add(structured.job_id);
      this.#watch.saw(structured, askedAt);
      intent.told = structured;
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
    } finally {
      this.#watch.submitting -= 1;
    }
  }

  /** Submits until there is a job, or until repeating would not be safe. */
  async submit(intent) {
    const random = this.#random;
    const twin = intent.keyed && random.chance(0.3);
    for (let tries = 0; intent.jobIds.size === 0 && tries < 60; tries++) {
      const patienceMs = random.pick([60, 200, 700, 30_000, 30_000]);
      const both = twin && tries === 0 ? [this.#submitOnce(intent, patienceMs)] : [];
      this.twins += both.length;
      await Promise.all([this.#submitOnce(intent, patienceMs), ...both]);
      if (!intent.keyed) return;
    }
    // Some agents ask again although they have an answer.
    if (intent.keyed && random.chance(0.15)) await this.#submitOnce(intent, 30_000);
  }

  /** Calls a tool about a job until some server answers. */
  async #ask(tool, input) {
    for (;;) {
      const server = await this.#pool.pick(this.#random);
      try {
        return await server.call(tool, input, 60_000);
      } catch (error) {
        if (!(error instanceof NoAnswer) || error.reason !== 'died') throw error;
      }
    }
  }

  async cancel(intent) {
    const [id] = intent.jobIds;
    const askedAt = performance.now();
    const { structured, error } = await this.#ask('cancel_job', { job_id: id });
    if (structured) this.#watch.saw(structured, askedAt);
    // A cloud may refuse to cancel, and the question itself may meet the fault of a query.
    else if (!/^(unsupported|invalid_input|not_found|cloud|network|throttled|capacity):/.test(error))
      this.#watch.violation('an error was shown to an agent', `cancel of ${intent.mark}: ${error}`);
  }

  /** Follows a job to its end. */
  async follow(intent, patienceMs) {
    const deadline = Date.now() + patienceMs;
    const [id] = intent.jobIds;
    while (Date.now() < deadline) {
      const askedAt = performance.now();
      const wait = this.#random.pick([0.1, 1, 2]);
      const { structured, error } = await this.#ask('get_progress', { job_id: id, wait_seconds: wait });
      if (error)
        return this.#watch.violation('an acknowledged job is gone', `${intent.mark} ${id}: ${error}`);
      this.#watch.saw(structured, askedAt);
      intent.told = structured;
      if (ended.has(structured.status)) return;
    }
  }
}
