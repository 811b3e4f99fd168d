import { setTimeout as pause } from 'node:timers/promises';
import { Server } from './server.mjs';

/** Server processes that share one job file. Each slot is filled again when its server dies. */
export class Pool {
  #options;
  #slots = [];
  #stopped = false;
  /** Moments of kill -9, by `Date.now()`. */
  kills = [];
  restarts = 0;
  /** Servers that did not end when their input did. */
  stubborn = 0;

  /** @param options entry, environment (of one life, given its random numbers), size, log, random */
  constructor(options) {
    this.#options = options;
  }

  get size() {
    return this.#options.size;
  }

  async open() {
    for (let index = 0; index < this.#options.size; index++) this.#slots.push(this.#start());
    await Promise.all(this.#slots);
  }

  async #start() {
    const { entry, environment, log, random } = this.#options;
    return new Server({ entry, log, environment: environment(random) }).initialize();
  }

  /** A server that is ready. */
  async pick(random) {
    for (;;) {
      const server = await this.#slots[random.between(0, this.#slots.length - 1)].catch(() => undefined);
      if (server?.alive) return server;
      await pause(5);
    }
  }

  /** Ends one server, hard or by closing its input, and starts another in its place. */
  async strike(random, hard, index = random.between(0, this.#slots.length - 1)) {
    const server = await this.#slots[index].catch(() => undefined);
    if (!server?.alive || this.#stopped) return false;
    const gap = random.between(0, 150);
    if (hard) this.kills.push(Date.now());
    else this.restarts += 1;
    this.#slots[index] = (hard ? server.kill().then(() => true) : server.close()).then(async (obeyed) => {
      if (!obeyed) this.stubborn += 1;
      await pause(gap);
      return this.#start();
    });
    this.#slots[index].catch(() => undefined);
    return true;
  }

  /** kill -9 for all of them, and nobody in their place. */
  async halt() {
    this.#stopped = true;
    const servers = await Promise.all(this.#slots);
    await Promise.all(servers.map((server) => server.kill()));
  }

  async close() {
    this.#stopped = true;
    const servers = await Promise.all(this.#slots.map((slot) => slot.catch(() => undefined)));
    const obeyed = await Promise.all(servers.map((server) => (server?.alive ? server.close() : true)));
    this.stubborn += obeyed.filter((each) => !each).length;
  }
}
