import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Connections } from '../clouds/accounts.ts';
import { Failure, foreignText } from '../core/failure.ts';
import type { Cloud, Operation } from '../core/operation.ts';
import type { Log } from '../log.ts';
import { Budget } from './budget.ts';
import { ChangeFeed } from './changes.ts';
import type { JobDatabase } from './database.ts';
import { Expectations } from './expectations.ts';
import { Housekeeping } from './housekeeping.ts';
import type { Jobs } from './jobs.ts';
import { LaneRules } from './lane-rules.ts';
import { Poller } from './poller.ts';
import { Runner } from './runner.ts';
import { Scheduler } from './scheduler.ts';
import { openSqlite } from './sqlite.ts';
import { JobStore } from './store.ts';
import { JobView, type ViewParts } from './view.ts';

export interface EngineOptions {
  /** The SQLite file. */
  readonly path: string;
  readonly connections: Connections;
  readonly operations: readonly Operation[];
  readonly laneSizes: Readonly<Record<string, number>>;
  readonly sandbox: boolean;
  /** Days for which ended jobs are kept; 0: for ever. */
  readonly keepDays: number;
  /** How much faster than real time the clouds run; 1 but in the sandbox. */
  readonly speed: number;
  readonly now: () => number;
  readonly log: Log;
}

/** A callback is unsigned: whoever knows a task can make us ask, but no oftener than this. */
const hintGapMs = 5_000;

interface Machinery {
  readonly speed: number;
  readonly stopping: AbortController;
  readonly housekeeping: Housekeeping;
}

async function openStore({ path, now }: EngineOptions, owner: string): Promise<JobStore> {
  let database: JobDatabase | undefined;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    database = await openSqlite(path);
    return await JobStore.open(database, owner, now);
  } catch (error) {
    await database?.kysely.destroy();
    if (error instanceof Failure) throw error;
    throw new Failure({
      kind: 'storage',
      message: `The job file cannot be opened: ${foreignText(error instanceof Error ? error.message : error)}.`,
      advice:
        'Make the directory DIGITAL_HUMAN_DATA_DIR writable, or set it to another one. Nothing was submitted.',
      cause: error,
    });
  }
}

/**
 * The jobs of this machine: submitted, watched, resumed. What the tools and resources stand on. The engine
 * itself is the view of the one local user; `scoped` gives everybody else theirs.
 */
export class JobEngine extends JobView {
  readonly #parts: ViewParts;
  readonly #machinery: Machinery;

  private constructor(parts: ViewParts, machinery: Machinery) {
    super(parts, '');
    this.#parts = parts;
    this.#machinery = machinery;
  }

  /** Opens the job file and takes up every unfinished job in it. */
  static async open(options: EngineOptions): Promise<JobEngine> {
    const owner = randomUUID();
    const store = await openStore(options, owner);
    const changes = await ChangeFeed.open(store, options.log);
    const lanes = new LaneRules(options);
    const expectations = new Expectations({ ...options, store, lanes });
    const stopping = new AbortController();
    const budgets = new Map(
      Object.keys(options.connections).map((cloud) => [cloud, new Budget(options.speed)]),
    );
    const budget = (cloud: Cloud) => budgets.get(cloud);
    const shared = { ...options, store, lanes, expectations, budget, stopping: stopping.signal };
    const scheduler = new Scheduler({
      ...shared,
      runner: new Runner(shared),
      poller: new Poller(shared),
      changed: () => void changes.pump(),
    });
    const housekeeping = new Housekeeping(shared);
    void scheduler.wake();
    housekeeping.start();
    return new JobEngine({ ...shared, changes, scheduler }, { speed: options.speed, stopping, housekeeping });
  }

  /** The jobs of one principal, and of nobody else. */
  scoped(principal: string): Jobs {
    return new JobView(this.#parts, principal);
  }

  /**
   * Takes word from outside that a task may have ended, as a callback does. It proves nothing, so it only
   * makes the cloud be asked soon. False when no unfinished job has this task.
   */
  async hint(cloudTaskId: string): Promise<boolean> {
    const known = await this.#parts.store.claims.hint(cloudTaskId, hintGapMs / this.#machinery.speed);
    if (known) await this.#parts.scheduler.wake();
    return known;
  }

  /** Ends the work of this process. Unfinished jobs go on at the next start. */
  async close(): Promise<void> {
    this.#machinery.stopping.abort();
    this.#parts.changes.close();
    await this.#parts.scheduler.stop();
    await this.#machinery.housekeeping.stop();
    await this.#parts.store.close();
  }
}
