import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Connections } from '../clouds/accounts.ts';
import type { Config } from '../config.ts';
import type { Cloud, Operation } from '../core/operation.ts';
import type { CopyPlace } from '../jobs/copies.ts';
import type { DownloadStatus, Downloads } from '../jobs/downloads.ts';
import type { EnginePart, JobEngine } from '../jobs/engine.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Log } from '../log.ts';
import type { Bucket } from '../media/bucket.ts';
import type { Deliveries } from '../media/delivery.ts';
import type { Preflight } from '../media/preflight.ts';
import type { Caller } from './caller.ts';
import { type CatalogEntry, readCatalog } from './catalog.ts';
import { once } from './once.ts';

/** What tools do otherwise when they are called over a network. */
const networkDescriptions: Readonly<Record<string, string>> = {
  list_jobs: 'Your jobs, newest first.',
  download_result: 'Links to a finished job’s files, and when they expire. This server stores no files.',
};

/**
 * What one server process has: its settings, and the parts that are loaded when first needed.
 * A start that only lists tools loads none of them.
 */
export class Application {
  readonly config: Config;
  readonly log: Log;
  /** Who can call: whoever started the process, or anybody on a network, to whom this machine's files mean nothing. */
  readonly reach: 'local' | 'network';
  /** Looks on while the clouds are asked, where somebody measures. */
  observe: (connections: Connections, operations: readonly Operation[]) => Connections = (connections) =>
    connections;
  readonly #leaving = new AbortController();
  /** What this process does for stored jobs; set before they are opened. */
  part: EnginePart = 'all';
  readonly #closers: Array<() => Promise<void>> = [];
  readonly #openListeners: Array<(engine: JobEngine) => void> = [];
  #opened: JobEngine | undefined;
  #downloads: Downloads | undefined;
  #tools: readonly CatalogEntry[] | undefined;

  constructor(config: Config, log: Log, reach: 'local' | 'network' = 'local') {
    this.config = config;
    this.log = log;
    this.reach = reach;
  }

  now(): number {
    return Date.now();
  }

  /** Fires when the process is about to end: calls that wait answer with what they have. */
  get leaving(): AbortSignal {
    return this.#leaving.signal;
  }

  leave(): void {
    this.#leaving.abort();
  }

  isConfigured(cloud: Cloud): boolean {
    return this.config.sandbox || this.config.accounts[cloud] !== undefined;
  }

  /** The prepared tool list, narrowed to the clouds that are to be listed. */
  tools(): readonly CatalogEntry[] {
    this.#tools ??= this.#listTools();
    return this.#tools;
  }

  #listTools(): readonly CatalogEntry[] {
    const { listed, sandbox, accounts, site } = this.config;
    const none = Object.keys(accounts).length === 0;
    const listedHere = readCatalog()[site].filter(
      ({ cloud }) =>
        cloud === undefined ||
        listed === 'all' ||
        (listed === 'configured' ? sandbox || none || accounts[cloud] !== undefined : listed.includes(cloud)),
    );
    if (this.reach === 'local') return listedHere;
    return listedHere.map((entry) => {
      const description = networkDescriptions[entry.definition.name];
      return description ? { ...entry, definition: { ...entry.definition, description } } : entry;
    });
  }

  readonly operations = once(async (): Promise<readonly Operation[]> => {
    const { operationsAt } = await import('../clouds/index.ts');
    return operationsAt(this.config.site);
  });

  /** The configured accounts, or those of the emulator that the sandbox starts. */
  readonly connections = once(async (): Promise<Connections> => {
    const [{ createHttp }, { openConnections }] = await Promise.all([
      import('../clouds/http.ts'),
      import('../clouds/accounts.ts'),
    ]);
    const accounts = await this.#accounts();
    const http = createHttp({ connectMs: 5_000, headersMs: this.config.cloudTimeoutMs, bodyMs: 10_000 });
    this.#closers.unshift(() => http.close());
    return this.observe(
      openConnections(accounts, http, () => this.now()),
      await this.operations(),
    );
  });

  /** The jobs: opened, and every unfinished one taken up, at the first call. */
  readonly engine = once(async (): Promise<JobEngine> => {
    const { config, log } = this;
    const { JobEngine } = await import('../jobs/engine.ts');
    const engine = await JobEngine.open({
      path: this.jobFile(),
      databaseUrl: config.databaseUrl,
      connections: await this.connections(),
      operations: await this.operations(),
      laneSizes: config.laneSizes,
      sandbox: config.sandbox,
      keepDays: config.keepDays,
      copies: this.reach === 'network' ? await this.#copyPlace() : undefined,
      part: this.part,
      speed: config.speed,
      now: () => this.now(),
      log,
    });
    this.#closers.unshift(() => engine.close());
    this.#opened = engine;
    for (const listener of this.#openListeners.splice(0)) listener(engine);
    return engine;
  });

  /** The jobs that a caller may see and change. */
  async jobs(caller: Caller): Promise<Jobs> {
    return (await this.engine()).scoped(caller.principal);
  }

  /** Calls back when the jobs are open: now, or whenever somebody first needs them. */
  whenEngineOpens(listener: (engine: JobEngine) => void): void {
    if (this.#opened) listener(this.#opened);
    else this.#openListeners.push(listener);
  }

  readonly downloads = once(async (): Promise<Downloads> => {
    const { Downloads } = await import('../jobs/downloads.ts');
    const { config, log } = this;
    const downloads = new Downloads({
      directory: config.outputDirectory,
      fallbackDirectory: join(config.dataDirectory, 'results'),
      allowPrivateAddresses: config.allowPrivateAddresses || config.sandbox,
      engine: await this.engine(),
      connections: await this.connections(),
      operations: await this.operations(),
      now: () => this.now(),
      log,
    });
    this.#closers.unshift(() => downloads.close());
    this.#downloads = downloads;
    return downloads;
  });

  /** Looks into files before money is spent on them. */
  readonly preflight = once(async (): Promise<Preflight> => {
    const { Preflight } = await import('../media/preflight.ts');
    const { allowPrivateAddresses, sandbox, mediaDirectories } = this.config;
    return new Preflight({
      allowPrivateAddresses: allowPrivateAddresses || sandbox,
      // A caller on a network has no files here.
      mediaDirectories: this.reach === 'local' ? mediaDirectories : [],
    });
  });

  /** The bucket for files that a cloud cannot fetch from here; undefined when none is configured. */
  readonly bucket = once(async (): Promise<Bucket | undefined> => {
    const { bucket } = this.config;
    return bucket && (await import('../media/bucket.ts')).createBucket(bucket);
  });

  readonly deliveries = once(async (): Promise<Deliveries> => {
    const { Deliveries } = await import('../media/delivery.ts');
    return new Deliveries(this.bucket, () => this.now());
  });

  /**
   * From when the jobs are open, downloads every result as soon as there is one. A sandbox forgets its results
   * when it ends, so those of earlier runs are left alone there.
   */
  downloadAutomatically(): void {
    this.whenEngineOpens(() => {
      this.downloads()
        .then((downloads) => downloads.watch(!this.config.sandbox))
        .catch((error: unknown) => this.log.error('results are not downloaded', { error }));
    });
  }

  /** How the download of a job's results stands here; undefined when there is nothing to say. */
  downloadStatus(jobId: string): DownloadStatus | undefined {
    return this.#downloads?.status(jobId);
  }

  /** Whether jobs may wait: an earlier run left a job file behind, or there is a database. */
  mayHaveJobs(): boolean {
    return this.config.databaseUrl !== undefined || existsSync(this.jobFile());
  }

  jobFile(): string {
    return join(this.config.dataDirectory, this.config.sandbox ? 'sandbox.sqlite' : 'jobs.sqlite');
  }

  /** Callers on a network are given links, which live longer in a bucket of ours. */
  async #copyPlace(): Promise<CopyPlace | undefined> {
    const bucket = await this.bucket();
    const { dataDirectory, allowPrivateAddresses, sandbox } = this.config;
    const directory = join(dataDirectory, 'copies');
    return bucket && { bucket, directory, allowPrivateAddresses: allowPrivateAddresses || sandbox };
  }

  async #accounts(): Promise<Config['accounts']> {
    if (!this.config.sandbox) return this.config.accounts;
    // Whoever only looks on has no sandbox of its own, and another's has keys of its own.
    if (this.part !== 'all') return {};
    const { startSandbox } = await import('./sandbox.ts');
    const sandbox = await startSandbox(this.config, this.log);
    this.#closers.push(() => sandbox.close());
    return sandbox.accounts;
  }

  /** Ends everything that was opened, the jobs first. Unfinished jobs go on at the next start. */
  async close(): Promise<void> {
    for (const close of this.#closers.splice(0))
      await close().catch((error: unknown) => this.log.warn('closing failed', { error }));
  }
}
