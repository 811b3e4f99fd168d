import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';

/** Why a call has no answer: its caller's patience was over, or the server is gone. */
export class NoAnswer extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/** One life of a server process, spoken to in bare JSON-RPC lines, as a host would. */
export class Server {
  #child;
  #waiting = new Map();
  #next = 1;
  #pending = '';
  alive = true;

  constructor({ entry, environment, log }) {
    this.#child = spawn(process.execPath, [entry], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
    });
    this.#child.stderr.pipe(createWriteStream(log, { flags: 'a' }));
    this.#child.stdin.on('error', () => undefined);
    this.#child.stdout.on('data', (chunk) => this.#read(chunk));
    this.exited = this.#end();
  }

  get pid() {
    return this.#child.pid;
  }

  async #end() {
    await once(this.#child, 'exit');
    this.alive = false;
    for (const { fail } of this.#waiting.values()) fail(new NoAnswer('died'));
    this.#waiting.clear();
  }

  #read(chunk) {
    this.#pending += chunk;
    for (let end = this.#pending.indexOf('\n'); end >= 0; end = this.#pending.indexOf('\n')) {
      const message = JSON.parse(this.#pending.slice(0, end));
      this.#pending = this.#pending.slice(end + 1);
      this.#waiting.get(message.id)?.done(message);
      this.#waiting.delete(message.id);
    }
  }

  #send(message) {
    if (this.alive) this.#child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  /** Sends a request. Throws `NoAnswer` when it is not answered in time, or the server dies first. */
  request(method, params, patienceMs = 60_000) {
    if (!this.alive) return Promise.reject(new NoAnswer('died'));
    const id = this.#next++;
    let timer;
    return new Promise((done, fail) => {
      this.#waiting.set(id, { done, fail });
      timer = setTimeout(() => fail(new NoAnswer('timeout')), patienceMs);
      this.#send({ id, method, params });
    }).finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(id);
    });
  }

  async initialize() {
    const clientInfo = { name: 'fault-campaign', version: '1' };
    await this.request('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo });
    this.#send({ method: 'notifications/initialized' });
    return this;
  }

  /** Calls a tool: `{ structured, error }`, of which one is undefined. */
  async call(name, input, patienceMs) {
    const { result, error } = await this.request('tools/call', { name, arguments: input }, patienceMs);
    if (error) return { error: `protocol: ${error.message}` };
    const text = (result.content ?? []).map((block) => block.text).join('\n');
    return result.isError ? { error: text } : { structured: result.structuredContent };
  }

  /** kill -9: nothing is flushed, nothing is said. */
  async kill() {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** Ends its input, as a host does that goes away; a server that stays is killed, and that is told. */
  async close() {
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 40_000);
    await this.exited;
    clearTimeout(timer);
    return this.#child.signalCode === null;
  }
}
