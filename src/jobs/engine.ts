import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Connections } from '../clouds/accounts.ts';
import { Failure, foreignText } from '../core/failure.ts';
import type { Cloud, Operation } from '../core/operation.ts';
import type { Log } from '../log.ts';
import { Budget } from './budget.ts';
import { ChangeFeed } from './changes.ts';
import type { Copies, CopiesOptions, CopyPlace } from './copies.ts';
import type { JobDatabase, SharedStore } from './database.ts';
import { Expectations } from './expectations.ts';
import { Housekeeping } from './housekeeping.ts';
import type { Jobs } from './jobs.ts';
import { LaneRules } from './lane-rules.ts';
import { Ledger } from './ledger.ts';
import { Poller } from './poller.ts';
import type { JobCount } from './rows.ts';
import { Runner } from './runner.ts';
import { Scheduler } from './scheduler.ts';
import { openSqlite } from './sqlite.ts';
import { JobStore } from './store.ts';
import { JobView, type ViewParts } from './view.ts';

export interface EngineOptions {
  /** The SQLite file. */
  readonly path: string;
  /** The PostgreSQL database that takes its place. */
  readonly databaseUrl?: string;
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
  /**
   * What this process does for stored jobs: `all` of it, which is the default; only `asking` after them, so that
   * nothing is ever sent; or only `looking`, beside servers that do the work.
   */
  readonly part?: EnginePart;
  /** Where results are copied to; left out, they stay with their clouds. */
  readonly copies?: CopyPlace;
}

export type EnginePart = 'all' | 'asking' | 'looking';

/** A callback is unsigned: whoever knows a task can make us ask, but no oftener than this. */
const hintGapMs = 5_000;

interface Machinery {
  readonly speed: number;
  readonly stopping: AbortController;
  readonly housekeeping: Housekeeping;
  readonly copies?: Copies;
  readonly shared?: SharedStore;
}

/** Loaded only where results are copied. */
async function openCopies(place: CopyPlace, options: Omit<CopiesOptions, keyof CopyPlace>): Promise<Copies> {
  const { Copies } = await import('./copies.ts');
  const copies = new Copies({ ...place, ...options });
  copies.start();
  return copies;
}

interface OpenedStore {
  readonly store: JobStore;
  readonly shared?: SharedStore;
}

async function openShared(url: string, { now, log }: EngineOptions, owner: string): Promise<OpenedStore> {
  const { openPostgres } = await import('./postgres/open.ts');
  const database = await openPostgres(url, log);
  try {
    return { store: await JobStore.open(database, owner, now), shared: database.shared };
  } catch (error) {
    await database.shared?.close();
    await database.kysely.destroy();
    throw error;
  }
}

async function openStore(options: EngineOptions, owner: string): Promise<OpenedStore> {
  const { path, databaseUrl, now } = options;
  if (databaseUrl !== undefined) return openShared(databaseUrl, options, owner);
  let database: JobDatabase | undefined;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    database = await openSqlite(path);
    return { store: await JobStore.open(database, owner, now) };
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
  /** Every job in the store, for whoever owns it. */
  readonly ledger: Ledger;
  readonly #parts: ViewParts;
  readonly #machinery: Machinery;

  private constructor(parts: ViewParts, machinery: Machinery) {
    super(parts, '');
    this.ledger = new Ledger(parts.store, parts.changes);
    this.#parts = parts;
    this.#machinery = machinery;
  }

  /** Opens the store and takes up every unfinished job in it. */
  static async open(options: EngineOptions): Promise<JobEngine> {
    const owner = randomUUID();
    const { store, shared: others } = await openStore(options, owner);
    const changes = await ChangeFeed.open(store, options.log, others !== undefined);
    const lanes = new LaneRules(options);
    const expectations = new Expectations({ ...options, store, lanes });
    const stopping = new AbortController();
    const budgets = new Map(
      Object.keys(options.connections).map((cloud) => [cloud, new Budget(options.speed)]),
    );
    const budget = (cloud: Cloud) => budgets.get(cloud);
    const shared = { ...options, store, lanes, expectations, budget, stopping: stopping.signal };
    const { part = 'all' } = options;
    const copies =
      options.copies && part === 'all' ? await openCopies(options.copies, { ...shared, changes }) : undefined;
    const scheduler = new Scheduler({
      ...shared,
      // Without a lane nothing is ever sent.
      ...(part !== 'all' && { lanes: new LaneRules({ ...options, operations: [] }) }),
      runner: new Runner(shared),
      poller: new Poller(shared),
      wokenWhenDue: others !== undefined && part === 'all',
      changed: () => void changes.pump(),
    });
    await others?.hear(() => void changes.pump());
    // Whoever does not do all the work would take turns from those who do.
    if (part === 'all') await others?.takeTurns(() => scheduler.wake());
    const housekeeping = new Housekeeping(shared);
    if (part === 'looking') await scheduler.stop();
    else void scheduler.wake();
    if (part === 'all') housekeeping.start();
    return new JobEngine(
      { ...shared, changes, scheduler },
      { speed: options.speed, stopping, housekeeping, copies, shared: others },
    );
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

  /** How many jobs there are, by tool, lane and state. */
  census(): Promise<JobCount[]> {
    return this.#parts.store.census();
  }

  /** Ends the work of this process. Unfinished jobs go on at the next start. */
  async close(): Promise<void> {
    this.#machinery.stopping.abort();
    await this.#machinery.shared?.rest();
    this.#parts.changes.close();
    await this.#parts.scheduler.stop();
    await this.#machinery.housekeeping.stop();
    await this.#machinery.copies?.close();
    await this.#parts.store.close();
  }
}
