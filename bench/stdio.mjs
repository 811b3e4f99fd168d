import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A bare JSON-RPC session over stdio: what it measures is the server, not a client library. */
export function open(script, args = [], environment = {}) {
  const started = process.hrtime.bigint();
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
  });
  const waiting = new Map();
  let pending = '';
  let next = 1;
  child.stdout.on('data', (chunk) => {
    pending += chunk;
    for (let end = pending.indexOf('\n'); end >= 0; end = pending.indexOf('\n')) {
      const line = pending.slice(0, end);
      pending = pending.slice(end + 1);
      // Some servers greet people on standard output.
      if (!line.startsWith('{')) continue;
      const message = JSON.parse(line);
      waiting.get(message.id)?.(message);
      waiting.delete(message.id);
    }
  });
  const send = (message) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const ended = new Promise((_, reject) => {
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code}`)));
  });
  ended.catch(() => {});
  const request = (method, params) =>
    new Promise((resolve, reject) => {
      ended.catch(reject);
      const id = next++;
      waiting.set(id, resolve);
      send({ id, method, params });
    });
  return {
    request,
    call: (name, input) => request('tools/call', { name, arguments: input }),
    initialize() {
      const clientInfo = { name: 'bench', version: '1' };
      const reply = request('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo });
      send({ method: 'notifications/initialized' });
      return reply;
    },
    sinceStartMs: () => Number(process.hrtime.bigint() - started) / 1e6,
    residentMegabytes() {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
    },
    close: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        // Not every server ends when its input does.
        const overdue = setTimeout(() => child.kill('SIGKILL'), 2_000);
        child.once('exit', () => {
          clearTimeout(overdue);
          resolve();
        });
        child.stdin.end();
      }),
  };
}

export const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Milliseconds of each of `count` runs, after some that are not counted. */
export async function timed(count, work, warmup = 20) {
  for (let run = 0; run < warmup; run++) await work();
  const times = [];
  for (let run = 0; run < count; run++) {
    const before = process.hrtime.bigint();
    await work();
    times.push(Number(process.hrtime.bigint() - before) / 1e6);
  }
  return times;
}
