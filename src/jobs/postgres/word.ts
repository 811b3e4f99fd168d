import type { Client, ClientConfig } from 'pg';
import type { Log } from '../../log.ts';
import { channel } from './migrations.ts';

/** A word that was lost is made good after this long at most. */
const lookEveryMs = 30_000;
const longestPauseMs = 15_000;

async function end(client: Client): Promise<void> {
  try {
    await client.end();
  } catch {
    // It was over already.
  }
}

/**
 * One connection that hears of changes by all processes. Notifications are not kept for anyone who is away,
 * so whenever the connection stands anew, and every half minute, it says that something may have changed.
 */
export class Word {
  readonly #create: () => Client;
  readonly #log: Log;
  readonly #changed: () => void;
  #client: Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: NodeJS.Timeout | undefined;
  #tries = 0;
  #closed = false;

  constructor(
    client: new (config: ClientConfig) => Client,
    config: ClientConfig,
    log: Log,
    changed: () => void,
  ) {
    this.#create = () => new client({ ...config, keepAlive: true, query_timeout: 10_000 });
    this.#log = log;
    this.#changed = changed;
  }

  /** Listens, now or as soon as the server can be reached. */
  async open(): Promise<void> {
    this.#looking = setInterval(() => this.#look(), lookEveryMs).unref();
    await this.#connect();
  }

  /** Asks something as well: a connection that was cut silently shows only then. */
  #look(): void {
    this.#changed();
    const client = this.#client;
    client?.query('select 1').catch(() => end(client));
  }

  async #connect(): Promise<void> {
    if (this.#closed) return;
    const client = this.#create();
    let over = false;
    const lost = (error?: unknown) => {
      if (over) return;
      over = true;
      this.#client = undefined;
      void end(client);
      this.#retry(error);
    };
    client.on('error', lost);
    client.on('end', lost);
    client.on('notification', () => this.#changed());
    try {
      await client.connect();
      await client.query(`listen ${channel}`);
    } catch (error) {
      lost(error);
      return;
    }
    if (over) return;
    if (this.#closed) return end(client);
    this.#client = client;
    this.#tries = 0;
    this.#changed();
  }

  #retry(error: unknown): void {
    if (this.#closed) return;
    const wait = Math.min(100 * 2 ** this.#tries++, longestPauseMs) * (0.5 + Math.random() / 2);
    this.#log.warn('changes by other processes are not heard', { retry_ms: Math.round(wait), error });
    this.#timer = setTimeout(() => void this.#connect(), wait).unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#looking);
    if (this.#client) await end(this.#client);
  }
}
