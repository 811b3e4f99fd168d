import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { operationsAt } from '../clouds/index.ts';
import type { Site, Wire } from '../core/operation.ts';
import { answerAssetFile } from './asset-files.ts';
import { Calls } from './calls.ts';
import { CloudError } from './cloud-error.ts';
import { answerControl, noCalls } from './control.ts';
import { dashscopeDialect } from './dashscope.ts';
import {
  type Dialect,
  jsonReply,
  type Message,
  type Reply,
  readMessage,
  type Spoiling,
  sendReply,
} from './exchange.ts';
import { type Fault, Faults } from './faults.ts';
import { Ffmpeg } from './ffmpeg.ts';
import { Inputs } from './inputs.ts';
import { ivhDialect } from './ivh.ts';
import { Lifecycle } from './lifecycle.ts';
import { Studio } from './render.ts';
import { Results } from './results.ts';
import { Uploads } from './uploads.ts';
import { vclmDialect } from './vclm.ts';
import { type Credentials, hex, type Log, type World } from './world.ts';

export interface EmulatorOptions {
  /** 0, the default, takes a free one. It is always bound to 127.0.0.1. */
  readonly port?: number;
  /** 1, the default, keeps the documented durations; 60 is sixty times faster. Must be above 0. */
  readonly speed?: number;
  /** Which IVH page holds: `cn` (default) or `intl`. */
  readonly site?: Site;
  /** Real seconds that a result link lives; unset: as documented. */
  readonly resultLifetimeSeconds?: number;
  /** Milliseconds for fetching one input; 60,000 by default, which is what DashScope documents. */
  readonly fetchTimeoutMs?: number;
  /** Unfinished tasks by lane name, where the documented default is not wanted. */
  readonly lanes?: Readonly<Record<string, number>>;
  readonly log?: Log;
}

export interface Emulator {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Random for each start. */
  readonly credentials: Credentials;
  /** Ends the server, its tasks and its ffmpeg processes, and removes its folder. */
  close(): Promise<void>;
}

function newCredentials(): Credentials {
  return {
    vclm: { secret_id: `AKID${hex(16)}`, secret_key: hex(16) },
    ivh: { app_key: hex(16), access_token: hex(16) },
    dashscope: { api_key: `sk-${hex(16)}` },
  };
}

/** What the operator and the CLI print: one line of JSON with the address and the keys. */
export function announcement(emulator: Emulator): string {
  return JSON.stringify({ url: emulator.url, ...emulator.credentials });
}

/**
 * Starts the three clouds on one loopback port: VCLM at `/`, IVH at `/v2/ivh/`, DashScope at `/api/v1/`.
 * @throws RangeError for a speed that is not above 0; the listening error when the port is taken
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const { speed = 1, site = 'cn', log = () => undefined } = options;
  if (!(speed > 0 && Number.isFinite(speed))) throw new RangeError('speed must be a number above 0');
  const folder = await mkdtemp(path.join(tmpdir(), 'digital-human-emulator-'));
  const ffmpeg = new Ffmpeg();
  const results = new Results(options.resultLifetimeSeconds);
  const server = createServer();
  const credentials = newCredentials();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.port ?? 0, '127.0.0.1', resolve);
    });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const uploads = new Uploads(folder, url);
  const world: World = {
    base: url,
    site,
    speed,
    wires: operationsAt(site).map((operation): Wire => operation.wire),
    credentials,
    lifecycle: new Lifecycle({ speed, log, publish: (file, wire) => results.publish(url, file, wire) }),
    faults: new Faults(),
    inputs: new Inputs(folder, ffmpeg, uploads, options.fetchTimeoutMs ?? 60_000),
    uploads,
    studio: new Studio(folder, ffmpeg),
    submissions: [],
    counts: noCalls(),
    calls: new Calls(),
    log,
    room: (lane) => options.lanes?.[lane.name] ?? lane.size,
  };
  const reset = () => {
    world.lifecycle.clear();
    world.faults.clear();
    world.submissions.length = 0;
    Object.assign(world.counts, noCalls());
    world.calls.clear();
    results.clear();
    uploads.clear();
  };
  const dialects = [vclmDialect(world), ivhDialect(world), dashscopeDialect(world)];
  server.on('request', (request, response) => {
    serve(request, response, world, results, dialects, reset).catch((error: unknown) => {
      log('emulator: a request broke', { error: String(error) });
      response.destroy();
    });
  });
  log('emulator: listening', { url, site, speed });
  let closing: Promise<void> | undefined;
  const shut = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    reset();
    await Promise.all([closed, ffmpeg.close()]);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  return { url, credentials, close: () => (closing ??= shut()) };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  world: World,
  results: Results,
  dialects: readonly Dialect[],
  reset: () => void,
): Promise<void> {
  if (world.uploads.suits(request.url)) return takeUpload(request, response, world);
  const message = await readMessage(request);
  const control = answerControl(world, message, reset);
  if (control) return sendReply(response, control, Date.now());
  const stored = results.classify(message.path);
  if (stored) {
    world.counts.result += 1;
    const fault = world.faults.forExchange('result', stored.wire?.operation);
    const now = Date.now() + world.faults.clockOffset('result', stored.wire?.operation);
    // The object store is no dialect: a scripted refusal looks like its own 403.
    const expired = fault?.fault === 'expire_results' || fault?.fault === 'refuse';
    const reply = broken(fault) ?? spoiled(await results.answer(message, now, expired), fault);
    return sendWithFault(response, reply, now, fault);
  }
  const asset = await answerAssetFile(message.path, world.studio);
  if (asset) return sendReply(response, asset, Date.now());
  for (const dialect of dialects) {
    const visit = dialect.classify(message);
    if (!visit) continue;
    const operation = visit.wire?.operation;
    if (visit.call) {
      world.counts[visit.call] += 1;
      world.calls.add({ at: Date.now(), call: visit.call, cloud: visit.wire?.cloud, operation });
    }
    const fault = visit.call && world.faults.forExchange(visit.call, operation);
    const now = Date.now() + world.faults.clockOffset(visit.call, operation);
    const statusWord = fault?.fault === 'status' ? fault.status : undefined;
    const reply =
      broken(fault, dialect) ?? (await answerSafely(dialect, message, { ...visit, now, statusWord }, world));
    return sendWithFault(response, spoiled(reply, fault), now, fault);
  }
  return sendReply(response, jsonReply(404, { error: 'No cloud answers at this address.' }), Date.now());
}

/** The store of temporary files is no dialect either, and its requests are too large to be read whole. */
async function takeUpload(request: IncomingMessage, response: ServerResponse, world: World): Promise<void> {
  world.counts.upload += 1;
  const fault = world.faults.forExchange('upload', undefined);
  const early = broken(fault);
  if (early) request.resume();
  const reply = early ?? spoiled(await world.uploads.take(request, fault?.fault === 'refuse'), fault);
  return sendWithFault(response, reply, Date.now() + world.faults.clockOffset('upload', undefined), fault);
}

async function answerSafely(
  dialect: Dialect,
  message: Message,
  visit: Parameters<Dialect['answer']>[1],
  world: World,
): Promise<Reply> {
  try {
    return await dialect.answer(message, visit);
  } catch (error) {
    if (error instanceof CloudError) return dialect.refusal(error);
    world.log('emulator: a call broke', { error: String(error) });
    return dialect.refusal(new CloudError(dialect.internalError.code, dialect.internalError.message));
  }
}

/** The reply of a fault that keeps the call from being worked on at all. */
function broken(fault: Fault | undefined, dialect?: Dialect): Reply | undefined {
  if (fault?.fault === 'refuse')
    return dialect?.refusal(new CloudError(fault.code, fault.message, fault.status));
  if (fault?.fault !== 'server_error') return undefined;
  const bare: Reply = {
    status: fault.status,
    type: 'text/html',
    body: '<html><body>upstream error</body></html>',
  };
  if (!fault.vendor_error || !dialect) return bare;
  const { code, message } = dialect.internalError;
  return { ...dialect.refusal(new CloudError(code, message)), status: fault.status };
}

/** The reply of a fault that replaces the body of a call that was worked on. */
function spoiled(reply: Reply, fault: Fault | undefined): Reply {
  if (fault?.fault === 'malformed')
    return { status: 200, type: 'application/json', body: '{"Response":{"output":[' };
  if (fault?.fault === 'empty') return { status: 200, type: 'application/json', body: '' };
  return reply;
}

async function sendWithFault(
  response: ServerResponse,
  reply: Reply,
  now: number,
  fault: Fault | undefined,
): Promise<void> {
  if (fault?.fault === 'delay') await new Promise((resolve) => setTimeout(resolve, fault.ms));
  const cut =
    fault?.fault === 'cut' ? fault.where : fault?.fault === 'accept_then_drop' ? 'unanswered' : undefined;
  const spoiling: Spoiling = { cut };
  return sendReply(response, reply, now, spoiling);
}
