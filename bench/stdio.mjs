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
      const message = JSON.parse(pending.slice(0, end));
      pending = pending.slice(end + 1);
      waiting.get(message.id)?.(message);
      waiting.delete(message.id);
    }
  });
  const send = (message) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const request = (method, params) =>
    new Promise((resolve) => {
      const id = next++;
      waiting.set(id, resolve);
      send({ id, method, params });
    });
  return {
    request,
    call: (name, input) => request('tools/call', { name, arguments: input }),
    async initialize() {
      const clientInfo = { name: 'bench', version: '1' };
      await request('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo });
      send({ method: 'notifications/initialized' });
    },
    sinceStartMs: () => Number(process.hrtime.bigint() - started) / 1e6,
    residentMegabytes() {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
    },
    close: () =>
      new Promise((resolve) => {
        child.once('exit', resolve);
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
