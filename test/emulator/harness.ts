import { execFile } from 'node:child_process';
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import bundled from '@ffmpeg-installer/ffmpeg';
import type { Emulator } from '../../src/emulator/server.ts';

const run = promisify(execFile);

/** A folder of small media, behind a web server that also redirects, hangs and takes PUT and POST. */
export class MediaServer {
  readonly folder: string;
  readonly received: Array<{ method: string; path: string; body: Buffer }> = [];
  /** Status for the next PUT and POST requests. */
  answer = 200;
  #server = createServer((request, response) => {
    void this.#serve(request).then(({ status, body, location }) => {
      return status === 0 ? undefined : response.writeHead(status, location ? { location } : {}).end(body);
    });
  });

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async start(): Promise<MediaServer> {
    const server = new MediaServer(await mkdtemp(path.join(tmpdir(), 'emulator-test-')));
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get base(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  url(name: string): string {
    return `${this.base}/${name}`;
  }

  /** Makes one file with the bundled ffmpeg and gives its address. */
  async make(name: string, ...args: string[]): Promise<string> {
    await run(bundled.path, ['-v', 'error', '-nostdin', '-y', ...args, path.join(this.folder, name)]);
    return this.url(name);
  }

  image(name: string, size: string, ...more: string[]): Promise<string> {
    return this.make(name, '-f', 'lavfi', '-i', `testsrc=size=${size}`, '-frames:v', '1', ...more);
  }

  audio(name: string, seconds: number, ...more: string[]): Promise<string> {
    return this.make(name, '-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`, ...more);
  }

  /** Dark at the start, bright at the end, so that a reversed stretch can be told from a forward one. */
  video(name: string, size: string, seconds: number, rate = 25, ...more: string[]): Promise<string> {
    const source = `color=black:size=${size}:rate=${rate}:duration=${seconds}`;
    const ramp = `geq=lum='16+200*T/${seconds}':cb=128:cr=128`;
    return this.make(name, '-f', 'lavfi', '-i', source, '-vf', ramp, '-pix_fmt', 'yuv420p', ...more);
  }

  async put(name: string, content: string | Buffer): Promise<string> {
    await writeFile(path.join(this.folder, name), content);
    return this.url(name);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.folder, { recursive: true, force: true });
  }

  async #serve(request: IncomingMessage): Promise<{ status: number; body?: Buffer; location?: string }> {
    const { pathname } = new URL(request.url ?? '/', this.base);
    if (request.method !== 'GET') {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      this.received.push({ method: request.method ?? '', path: pathname, body: Buffer.concat(chunks) });
      return { status: this.answer };
    }
    const hop = /^\/redirect\/(\d+)\/(.+)$/.exec(pathname);
    if (hop) {
      const left = Number(hop[1]) - 1;
      return { status: 302, location: left > 0 ? `/redirect/${left}/${hop[2]}` : `/${hop[2]}` };
    }
    if (pathname === '/hang') return { status: 0 };
    return readFile(path.join(this.folder, path.basename(pathname))).then(
      (body) => ({ status: 200, body }),
      () => ({ status: 404 }),
    );
  }
}

export interface Answer {
  status: number;
  date: number;
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // Kept as text: some faults answer with no JSON at all.
  }
  return { status: response.status, date: Date.parse(response.headers.get('date') ?? ''), body };
}

const hash = (data: string) => createHash('sha256').update(data).digest('hex');
const sign = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();

export interface Bend {
  secretKey?: string;
  secretId?: string;
  /** Seconds added to the clock that is signed. */
  skew?: number;
  /** Sent instead of the signed body. */
  sentBody?: string;
  version?: string;
  /** Host and service that are signed, when they are not the real ones. */
  host?: string;
  service?: string;
  headers?: Record<string, string>;
}

/** One VCLM call, signed here from the published steps. */
export async function vclm(
  emulator: Emulator,
  action: string,
  request: unknown,
  bend: Bend = {},
): Promise<Answer> {
  const { secret_id, secret_key } = emulator.credentials.vclm;
  const timestamp = Math.floor(Date.now() / 1000) + (bend.skew ?? 0);
  const date = new Date(timestamp * 1000).toISOString().slice(0, 10);
  const body = JSON.stringify(request);
  const type = 'application/json';
  const lines = `content-type:${type}\nhost:${bend.host ?? new URL(emulator.url).host}\n`;
  const canonical = `POST\n/\n\n${lines}\ncontent-type;host\n${hash(body)}`;
  const service = bend.service ?? 'vclm';
  const scope = `${date}/${service}/tc3_request`;
  const toSign = `TC3-HMAC-SHA256\n${timestamp}\n${scope}\n${hash(canonical)}`;
  const key = sign(sign(sign(`TC3${bend.secretKey ?? secret_key}`, date), service), 'tc3_request');
  const signature = sign(key, toSign).toString('hex');
  const credential = `Credential=${bend.secretId ?? secret_id}/${scope}`;
  const response = await fetch(`${emulator.url}/`, {
    method: 'POST',
    headers: {
      'content-type': type,
      authorization: `TC3-HMAC-SHA256 ${credential}, SignedHeaders=content-type;host, Signature=${signature}`,
      'x-tc-action': action,
      'x-tc-version': bend.version ?? '2024-05-23',
      'x-tc-timestamp': String(timestamp),
      ...bend.headers,
    },
    body: bend.sentBody ?? body,
  });
  const answer = await answerOf(response);
  return { ...answer, body: answer.body?.Response ?? answer.body };
}

/**
 * One IVH call, signed here from the FAQ's steps. `body` replaces the whole envelope; a route with a slash
 * in front is the whole path.
 */
export async function ivh(
  emulator: Emulator,
  route: string,
  payload: unknown,
  bend: Bend & { body?: unknown; signature?: string } = {},
): Promise<Answer> {
  const { app_key, access_token } = emulator.credentials.ivh;
  const timestamp = Math.floor(Date.now() / 1000) + (bend.skew ?? 0);
  const query = `appkey=${bend.secretId ?? app_key}&timestamp=${timestamp}`;
  const signature = sign(bend.secretKey ?? access_token, query).toString('base64');
  const path = route.startsWith('/') ? route : `/v2/ivh/videomaker/broadcastservice/${route}`;
  const response = await fetch(`${emulator.url}${path}?${query}&signature=${encodeURIComponent(signature)}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json;charset=utf-8' },
    body: JSON.stringify(bend.body ?? { Header: {}, Payload: payload }),
  });
  return answerOf(response);
}

export async function dashscope(
  emulator: Emulator,
  method: 'GET' | 'POST',
  route: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const sent: Record<string, string> = body
    ? { 'x-dashscope-async': 'enable', 'content-type': 'application/json' }
    : {};
  const authorization = `Bearer ${emulator.credentials.dashscope.api_key}`;
  const posted: RequestInit = body ? { body: JSON.stringify(body) } : {};
  const response = await fetch(`${emulator.url}/api/v1${route}`, {
    ...posted,
    method,
    headers: { authorization, ...sent, ...headers },
  });
  return answerOf(response);
}

// oxlint-disable-next-line typescript/no-explicit-any
export async function control(emulator: Emulator, route: string, body?: unknown): Promise<any> {
  const posted: RequestInit = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(`${emulator.url}/_emulator/${route}`, posted);
  return response.json();
}

/** Asks again every few milliseconds until the answer suits, at most `seconds` long. */
export async function until<T>(
  ask: () => Promise<T>,
  suits: (answer: T) => boolean,
  seconds = 20,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (suits(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`Not in ${seconds} s; last: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

export interface Probe {
  seconds: number;
  size: string;
  video: string;
  audio: string;
  /** Frames a second. */
  frames: number;
  /** Samples of sound a second. */
  rate: number;
  /** Decibels below full scale of the loudest sample. */
  loudest: number;
  bytes: number;
  file: string;
}

/** Downloads a result and reads ffmpeg's report on it. */
export async function probe(url: string, folder: string): Promise<Probe> {
  const response = await fetch(url);
  if (response.status !== 200) throw new Error(`HTTP ${response.status} for a result`);
  const content = Buffer.from(await response.arrayBuffer());
  if (content.length !== Number(response.headers.get('content-length'))) throw new Error('wrong length');
  const file = path.join(folder, `${randomUUID()}.mp4`);
  await writeFile(file, content);
  const loudness = ['-af', 'volumedetect', '-f', 'null', '-'];
  const report = await run(bundled.path, ['-hide_banner', '-i', file, ...loudness]).then(
    ({ stderr }) => stderr,
  );
  const clock = /Duration: (\d+):(\d+):([\d.]+)/.exec(report) ?? [];
  return {
    seconds: Number(clock[1]) * 3600 + Number(clock[2]) * 60 + Number(clock[3]),
    size: /Video:.*?[ ,](\d{2,5}x\d{2,5})/.exec(report)?.[1] ?? '',
    video: /Video: (\w+)/.exec(report)?.[1] ?? '',
    audio: /Audio: (\w+)/.exec(report)?.[1] ?? '',
    frames: Number(/([\d.]+) fps/.exec(report)?.[1] ?? 0),
    rate: Number(/Audio:.*?(\d+) Hz/.exec(report)?.[1] ?? 0),
    loudest: Number(/max_volume: ([-\d.]+) dB/.exec(report)?.[1] ?? Number.NaN),
    bytes: content.length,
    file,
  };
}

/** Mean brightness (0-255) of the lower left quarter of the frame at a moment. */
export async function brightness(file: string, at: number): Promise<number> {
  const args = ['-v', 'error', '-ss', String(at), '-i', file, '-frames:v', '1'];
  const filter = ['-vf', 'crop=iw/2:ih/2:0:ih/2,scale=1:1,format=gray', '-f', 'rawvideo', '-'];
  const { stdout } = await run(bundled.path, [...args, ...filter], { encoding: 'buffer' });
  return stdout[0] ?? -1;
}

/** Red, green, blue and alpha (0-255) at a point, given as shares of width and height. VP8 needs its own decoder for alpha. */
export async function pixel(
  file: string,
  at: number,
  [x, y]: readonly [number, number],
  decoder: readonly string[] = [],
): Promise<number[]> {
  const args = ['-v', 'error', ...decoder, '-ss', String(at), '-i', file, '-frames:v', '1'];
  const crop = `format=rgba,crop=4:4:min(iw-4\\,iw*${x}):min(ih-4\\,ih*${y}),scale=1:1`;
  const filter = ['-vf', crop, '-f', 'rawvideo', '-pix_fmt', 'rgba', '-'];
  const { stdout } = await run(bundled.path, [...args, ...filter], { encoding: 'buffer' });
  return [...stdout.subarray(0, 4)];
}

export const pptProgress = '/v2/ivh/mediaproduction/mediaproduction/getprogress';
export const pptSubmit = '/v2/ivh/mediaproduction/mediaproduction/videomakewithppt';

/** Submits an IVH task and waits for its end. */
export async function ended(emulator: Emulator, route: string, payload: unknown, seconds = 40) {
  const { body } = await ivh(emulator, route, payload);
  if (!body.Payload) throw new Error(`refused: ${JSON.stringify(body)}`);
  const { TaskId } = body.Payload;
  const answer = await until(
    () => ivh(emulator, route === pptSubmit ? pptProgress : 'getprogress', { TaskId }),
    ({ body: { Payload } }) => ['SUCCESS', 'FAIL'].includes(Payload.Status),
    seconds,
  );
  return { TaskId, ...answer.body.Payload };
}

export interface Cue {
  start: number;
  end: number;
  text: string;
}

/** Downloads and reads an SRT file; anything that is not SRT is an error. */
export async function subtitles(url: string): Promise<Cue[]> {
  const response = await fetch(url);
  if (response.headers.get('content-type') !== 'application/x-subrip') throw new Error('not SRT');
  const blocks = (await response.text()).trim().split(/\n\n/);
  return blocks.map((block, index) => {
    const [, number, times = '', text = ''] = /^(\d+)\n(.+)\n(.+)$/.exec(block) ?? [];
    const clock = /^(\d\d):(\d\d):(\d\d),(\d{3}) --> (\d\d):(\d\d):(\d\d),(\d{3})$/.exec(times);
    if (Number(number) !== index + 1 || !clock) throw new Error(`not SRT: ${block}`);
    const [h = 0, m = 0, s = 0, ms = 0, h2 = 0, m2 = 0, s2 = 0, ms2 = 0] = clock.slice(1).map(Number);
    return { start: h * 3600 + m * 60 + s + ms / 1000, end: h2 * 3600 + m2 * 60 + s2 + ms2 / 1000, text };
  });
}
