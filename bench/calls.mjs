// What a call costs beyond what it cannot do without: reads, refusals, submissions.
import { createHmac } from 'node:crypto';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import Libsql from 'libsql';
import { compared, limited } from './report.mjs';
import { median, open, timed } from './stdio.mjs';

const entry = join(import.meta.dirname, '../dist/index.js');
const quiet = ['--download', 'off', '--log-level', 'silent', '--preflight', 'off'];

async function reads(scratch) {
  const session = open(entry, ['--data-dir', scratch, '--sandbox', ...quiet]);
  await session.initialize();
  const held = await session.call('photo_to_video', {
    ref_photo_url: 'http://127.0.0.1:9/a.jpg',
    driver_type: 'OriginalVoice',
    input_audio_url: 'http://127.0.0.1:9/a.mp3',
  });
  const id = held.result.structuredContent?.job_id;
  if (!id) throw new Error(`nothing to ask after: ${JSON.stringify(held.result)}`);
  const ping = median(await timed(300, () => session.request('ping')));
  const read = median(await timed(300, () => session.call('get_progress', { job_id: id })));
  const wrong = { ref_photo_url: 'https://e.com/a.jpg', driver_type: 'Text', speech_param: { speed: 9 } };
  const refused = median(await timed(300, () => session.call('photo_to_video', wrong)));
  await session.close();
  return [
    compared('get_progress, p50, against ping', read, ping, 'ms', 2, 2),
    limited('invalid input refused, p50', refused, 'ms', 2, 2),
  ];
}

async function startEmulator() {
  const child = spawn(process.execPath, [entry, 'emulator', '--speed', '10000'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const line = await new Promise((done, failed) => {
    createInterface({ input: child.stdout }).once('line', done);
    child.once('exit', (code) => failed(new Error(`the emulator ended with ${code}`)));
  });
  const stop = () =>
    new Promise((done) => {
      child.once('exit', done);
      child.kill('SIGTERM');
    });
  return { ...JSON.parse(line), stop };
}

const agent = new Agent({ keepAlive: true });

/** One POST over a connection that is kept, as the server keeps its own. */
function post(url, body) {
  const headers = { 'content-type': 'application/json' };
  return new Promise((done, failed) => {
    const sent = request(url, { method: 'POST', headers, agent }, (reply) => {
      let text = '';
      reply.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      reply.on('end', () => done(JSON.parse(text)));
    });
    sent.on('error', failed);
    sent.end(body);
  });
}

/** What IVH wants to be sent for `payload`: a signed query and an envelope. */
function ivhCall({ url, ivh: { app_key: appkey, access_token: token } }, path, payload) {
  const timestamp = `${Math.floor(Date.now() / 1000)}`;
  const signature = createHmac('sha256', token)
    .update(`appkey=${appkey}&timestamp=${timestamp}`)
    .digest('base64');
  const query = `appkey=${appkey}&timestamp=${timestamp}&signature=${encodeURIComponent(signature)}`;
  return post(`${url}/v2/ivh${path}?${query}`, JSON.stringify({ Header: {}, Payload: payload }));
}

/** What one durable commit costs on this disk, in a job file's own mode: a small row, forced out with the log. */
function durableCommit(scratch) {
  const database = new Libsql(join(scratch, 'commit.sqlite'));
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (text TEXT)');
  const insert = database.prepare('INSERT INTO rows VALUES (?)');
  const text = 'x'.repeat(1_000);
  const times = [];
  for (let run = 0; run < 200; run++) {
    const before = performance.now();
    insert.run(text);
    times.push(performance.now() - before);
  }
  database.close();
  return median(times);
}

/** Until nothing of a job is under way that the next measurement would meet. */
async function untilEnded(session, id) {
  for (;;) {
    const { result } = await session.call('get_progress', { job_id: id, wait_seconds: 5 });
    if (['succeeded', 'failed'].includes(result.structuredContent?.status)) return;
  }
}

/** Tasks of which none has a file to open: each fails at once and makes room for the next. */
async function submits(scratch) {
  const emulator = await startEmulator();
  const environment = {
    IVH_APP_KEY: emulator.ivh.app_key,
    IVH_ACCESS_TOKEN: emulator.ivh.access_token,
    DIGITAL_HUMAN_IVH_URL: emulator.url,
    DIGITAL_HUMAN_SANDBOX_SPEED: '10000',
    DIGITAL_HUMAN_LANES: 'ivh-video-no-training=1000',
  };
  const session = open(entry, ['--data-dir', join(scratch, 'submits'), ...quiet], environment);
  try {
    await session.initialize();
    const [bare, through] = [[], []];
    for (let run = 0; run < 80; run++) {
      let before = performance.now();
      const direct = await ivhCall(emulator, '/videomaker/broadcastservice/phototovideonotrain', {
        RefPhotoUrl: 'http://127.0.0.1:9/a.jpg',
        DriverType: 'OriginalVoice',
        InputAudioUrl: 'http://127.0.0.1:9/a.mp3',
      });
      bare.push(performance.now() - before);
      if (!direct.Payload?.TaskId) throw new Error(`refused: ${JSON.stringify(direct)}`);
      await pause(30);
      before = performance.now();
      const { result } = await session.call('photo_to_video', {
        ref_photo_url: 'http://127.0.0.1:9/a.jpg',
        driver_type: 'OriginalVoice',
        input_audio_url: 'http://127.0.0.1:9/a.mp3',
      });
      through.push(performance.now() - before);
      if (!result.structuredContent?.cloud_task_id)
        throw new Error(`not accepted: ${JSON.stringify(result)}`);
      await untilEnded(session, result.structuredContent.job_id);
    }
    const [raw, whole, commit] = [median(bare.slice(20)), median(through.slice(20)), durableCommit(scratch)];
    return [
      limited('one durable commit, p50', commit, 'ms', undefined, 2),
      compared('submit less one commit, p50, against bare HTTP', whole - commit, raw, 'ms', 1.5, 2),
    ];
  } finally {
    await session.close();
    await emulator.stop();
  }
}

/** @returns {Promise<import('./report.mjs').Row[]>} */
export async function measure() {
  const scratch = mkdtempSync(join(tmpdir(), 'digital-human-bench-'));
  try {
    return [...(await reads(scratch)), ...(await submits(scratch))];
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
