import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';

export const root = resolve(import.meta.dirname, '../..');
export const entry = join(root, 'dist/index.js');

/** The emulator as a process of its own, and what the campaign asks of it. */
export async function startCloud(speed) {
  const child = spawn(process.execPath, [entry, 'emulator', '--speed', String(speed)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const { url, vclm, ivh, dashscope } = JSON.parse(line);
  const get = async (route) => (await fetch(`${url}/_emulator/${route}`)).json();
  return {
    url,
    environment: {
      TENCENTCLOUD_SECRET_ID: vclm.secret_id,
      TENCENTCLOUD_SECRET_KEY: vclm.secret_key,
      IVH_APP_KEY: ivh.app_key,
      IVH_ACCESS_TOKEN: ivh.access_token,
      DASHSCOPE_API_KEY: dashscope.api_key,
      DIGITAL_HUMAN_VCLM_URL: url,
      DIGITAL_HUMAN_VCLM_INTL_URL: url,
      DIGITAL_HUMAN_IVH_URL: url,
      DIGITAL_HUMAN_DASHSCOPE_URL: url,
      DIGITAL_HUMAN_ALLOW_PRIVATE_ADDRESSES: 'on',
      DIGITAL_HUMAN_SANDBOX_SPEED: String(speed),
    },
    submissions: async () => (await get('submissions')).submissions,
    calls: async () => (await get('calls')).calls,
    requests: () => get('requests'),
    /** How often each fault was met, by its label. */
    hits: async () => (await get('faults')).hits,
    async fault(faults) {
      const reply = await fetch(`${url}/_emulator/faults`, { method: 'POST', body: JSON.stringify(faults) });
      if (!reply.ok) throw new Error(await reply.text());
    },
    async stop() {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

const secret = 'the-callback-secret-of-the-campaign';

/** One more server on the same job file, over HTTP: callbacks reach it. */
export async function startListener({ entry: script, environment, log }) {
  const child = spawn(process.execPath, [script, 'http', '--http-port', '0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      ...environment,
      DIGITAL_HUMAN_CALLBACK_SECRET: secret,
    },
  });
  child.stderr.pipe(createWriteStream(log, { flags: 'a' }));
  const exited = once(child, 'exit');
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    exited.then(([code]) => Promise.reject(new Error(`the HTTP server ended with ${code}`))),
  ]);
  return {
    callbacks: `${JSON.parse(line).url}/callbacks/ivh/${secret}`,
    /** False when it had to be killed. */
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return true;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 40_000);
      await exited;
      clearTimeout(timer);
      return child.signalCode !== 'SIGKILL';
    },
  };
}

const types = { jpg: 'image/jpeg', mp3: 'audio/mpeg', mp4: 'video/mp4' };

/** Passes a callback on and says whether it was taken. */
async function relay(to, body) {
  const reply = await fetch(to, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  await reply.body?.cancel();
  return reply.ok;
}

async function take(request, callbacks) {
  const body = await text(request);
  const task = JSON.parse(body).Payload?.TaskId;
  const taken = callbacks.to && (await relay(callbacks.to, body).catch(() => false));
  if (taken) callbacks.taken.set(task, (callbacks.taken.get(task) ?? 0) + 1);
}

/**
 * The demo's material under any path, `/INTENT/portrait.jpg`, and a place that takes callbacks. They go on to
 * `callbacks.to`, if that is set; `callbacks.taken` counts those that were taken there, by their task.
 */
export async function startMedia() {
  const callbacks = { to: undefined, taken: new Map() };
  const files = new Map();
  for (const name of ['portrait.jpg', 'line.mp3', 'clip.mp4'])
    files.set(name, await readFile(join(root, 'src/cli/demo-media', name)));
  const server = createServer((request, response) => {
    const name = (request.url ?? '').split('/').at(-1);
    const body = files.get(name);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return void take(request, callbacks).finally(() => response.writeHead(200).end());
    }
    if (!body) return void response.writeHead(404).end();
    const headers = { 'content-type': types[name.split('.')[1]], 'accept-ranges': 'bytes' };
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const start = range ? Number(range[1]) : 0;
    const end = range?.[2] ? Math.min(Number(range[2]), body.length - 1) : body.length - 1;
    if (range) headers['content-range'] = `bytes ${start}-${end}/${body.length}`;
    response.writeHead(range ? 206 : 200, { ...headers, 'content-length': end - start + 1 });
    response.end(request.method === 'HEAD' ? undefined : body.subarray(start, end + 1));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    callbacks,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
