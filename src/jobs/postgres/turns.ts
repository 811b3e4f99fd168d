import { setTimeout as pause } from 'node:timers/promises';
import { Logger, makeWorkerUtils, run, type Runner } from 'graphile-worker';
import type { Pool } from 'pg';
import type { Log } from '../../log.ts';
import { lookTask, workerSchema } from './migrations.ts';

/** Tasks of a later time are found by asking; those of now are told. */
const pollMs = 500;
const restartMs = 1_000;

/** The scheduler's words are for operators who ask for them. */
const quiet = (log: Log) =>
  new Logger(() => (level, message) => {
    if (['error', 'warning'].includes(level)) log.warn('scheduler', { text: message });
    else log.debug('scheduler', { text: message });
  });

/**
 * graphile-worker, which tells one process at a time that a job's time has come. It moves nothing and sends
 * nothing: a task only makes its process look, and what is claimed, by which lease and fence, is decided
 * by the job's row. So a task that comes twice, late or for a job that moved on does nothing, and one that
 * died with its process is not missed: claiming planned another for the end of the lease.
 */
export class Turns {
  readonly #pool: Pool;
  readonly #log: Log;
  #runner: Runner | undefined;
  #resting = new AbortController();
  #serving: Promise<void> = Promise.resolve();

  constructor(pool: Pool, log: Log) {
    this.#pool = pool;
    this.#log = log;
  }

  /** Brings the scheduler's own tables up to date, and drops tasks whose process was killed hours ago. */
  async prepare(): Promise<void> {
    const utils = await makeWorkerUtils({
      pgPool: this.#pool,
      schema: workerSchema,
      logger: quiet(this.#log),
    });
    try {
      await utils.migrate();
      await utils.cleanup({ tasks: ['DELETE_PERMAFAILED_JOBS'] });
    } finally {
      await utils.release();
    }
  }

  /** Calls `look` in this process or another for every job whose time comes. Resolves once it takes part. */
  async start(look: () => Promise<void>): Promise<void> {
    await this.#run(look);
    this.#serving = this.#keepRunning(look);
  }

  async #run(look: () => Promise<void>): Promise<void> {
    this.#runner = await run({
      pgPool: this.#pool,
      schema: workerSchema,
      logger: quiet(this.#log),
      taskList: { [lookTask]: look },
      parsedCronItems: [],
      concurrency: 2,
      // Without a batch nobody waits for the word that a task is over (0.17.3): a connection that breaks then
      // ends the whole process with an unhandled rejection.
      preset: { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
      pollInterval: pollMs,
      noHandleSignals: true,
    });
  }

  /** A runner that gave up is replaced; meanwhile every process still looks by itself now and then. */
  async #keepRunning(look: () => Promise<void>): Promise<void> {
    const { signal } = this.#resting;
    while (!signal.aborted) {
      await this.#runner?.promise.catch((error: unknown) =>
        this.#log.warn('the scheduler stopped', { error }),
      );
      if (signal.aborted) return;
      await pause(restartMs, undefined, { signal }).catch(() => {});
      if (!signal.aborted)
        await this.#run(look).catch((error: unknown) =>
          this.#log.warn('the scheduler cannot start', { error }),
        );
    }
  }

  /** Takes no more turns. Those of this process that are under way are over when it resolves. */
  async stop(): Promise<void> {
    this.#resting.abort();
    await this.#runner?.stop().catch(() => {});
    await this.#serving;
  }
}
