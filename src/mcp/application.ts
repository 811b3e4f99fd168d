import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Connections } from '../clouds/accounts.ts';
import type { Config } from '../config.ts';
import type { Cloud, Operation } from '../core/operation.ts';
import type { DownloadStatus, Downloads } from '../jobs/downloads.ts';
import type { JobEngine } from '../jobs/engine.ts';
import type { Log } from '../log.ts';
import type { Bucket } from '../media/bucket.ts';
import type { Deliveries } from '../media/delivery.ts';
import type { Preflight } from '../media/preflight.ts';
import { type CatalogEntry, readCatalog } from './catalog.ts';

/** Loads once, at the first call; a failed load is tried again at the next. */
function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () => {
    loaded ??= load().catch((error: unknown) => {
      loaded = undefined;
      throw error;
    });
    return loaded;
  };
}

/**
 * What one server process has: its settings, and the parts that are loaded when first needed.
 * A start that only lists tools loads none of them.
 */
export class Application {
  readonly config: Config;
  readonly log: Log;
  readonly #closers: Array<() => Promise<void>> = [];
  readonly #openListeners: Array<(engine: JobEngine) => void> = [];
  #opened: JobEngine | undefined;
  #downloads: Downloads | undefined;

  constructor(config: Config, log: Log) {
    this.config = config;
    this.log = log;
  }

  now(): number {
    return Date.now();
  }

  isConfigured(cloud: Cloud): boolean {
    return this.config.sandbox || this.config.accounts[cloud] !== undefined;
  }

  /** The prepared tool list, narrowed to the clouds that are to be listed. */
  tools(): readonly CatalogEntry[] {
    const { listed, sandbox, accounts, site } = this.config;
    const none = Object.keys(accounts).length === 0;
    return readCatalog()[site].filter(
      ({ cloud }) =>
        cloud === undefined ||
        listed === 'all' ||
        (listed === 'configured' ? sandbox || none || accounts[cloud] !== undefined : listed.includes(cloud)),
    );
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
    const accounts = this.config.sandbox ? await this.#startSandbox() : this.config.accounts;
    const http = createHttp();
    this.#closers.unshift(() => http.close());
    return openConnections(accounts, http, () => this.now());
  });

  /** The jobs: opened, and every unfinished one taken up, at the first call. */
  readonly engine = once(async (): Promise<JobEngine> => {
    const { config, log } = this;
    const { JobEngine } = await import('../jobs/engine.ts');
    const engine = await JobEngine.open({
      path: this.#jobFile(),
      connections: await this.connections(),
      operations: await this.operations(),
      laneSizes: config.laneSizes,
      sandbox: config.sandbox,
      keepDays: config.keepDays,
      speed: config.speed,
      now: () => this.now(),
      log,
    });
    this.#closers.unshift(() => engine.close());
    this.#opened = engine;
    for (const listener of this.#openListeners.splice(0)) listener(engine);
    return engine;
  });

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
      mediaDirectories,
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

  /** Whether an earlier run left a job file behind, so that jobs may wait in it. */
  mayHaveJobs(): boolean {
    return existsSync(this.#jobFile());
  }

  #jobFile(): string {
    return join(this.config.dataDirectory, this.config.sandbox ? 'sandbox.sqlite' : 'jobs.sqlite');
  }

  async #startSandbox(): Promise<Config['accounts']> {
    const { startEmulator } = await import('../emulator/server.ts');
    const { speed, site } = this.config;
    const emulator = await startEmulator({
      speed,
      site,
      log: (message, fields) => this.log.debug(`emulator: ${message}`, fields),
    });
    this.#closers.push(() => emulator.close());
    const { url, credentials } = emulator;
    const vclm = {
      url,
      secretId: credentials.vclm.secret_id,
      secretKey: credentials.vclm.secret_key,
      region: 'ap-guangzhou',
    };
    return {
      vclm,
      vclm_intl: vclm,
      ivh: { url, appKey: credentials.ivh.app_key, accessToken: credentials.ivh.access_token },
      dashscope: { url, apiKey: credentials.dashscope.api_key },
    };
  }

  /** Ends everything that was opened, the jobs first. Unfinished jobs go on at the next start. */
  async close(): Promise<void> {
    for (const close of this.#closers.splice(0))
      await close().catch((error: unknown) => this.log.warn('closing failed', { error }));
  }
}
