// A cloud for the bench alone: it speaks as much of IVH as the server needs, renders nothing, and knows
// when every task ends. Started by jobs.mjs with `fork`; all its times are real milliseconds.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const speed = Number(process.argv[2]);
const seed = Number(process.argv[3]);
const rate = 16_000;
const portrait = readFileSync(join(import.meta.dirname, '../src/cli/demo-media/portrait.jpg'));

/** Render seconds for a second of video, as the page of the photo operation has it. */
const renderRate = 20;
/** Not every second of video costs the same: how far tasks lie around the documented figure, set by `again`. */
let spread = 0;

/** Two even numbers from 0 to 1 for a task, the same in every run of a seed. */
function evens(index) {
  let state = (seed * 2_654_435_761 + index * 40_503 + 1) >>> 0;
  return [0, 1].map(() => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    state = (state ^ (state >>> 13)) >>> 0;
    return (state + 1) / (2 ** 32 + 1);
  });
}

function cloudMs(seconds, index) {
  const [a, b] = evens(index);
  const normal = Math.sqrt(-2 * Math.log(a)) * Math.cos(2 * Math.PI * b);
  return (seconds * renderRate * Math.exp(spread * normal) + 2 + 6 * b) * 1_000;
}

/** id -> task; `seen`: when somebody was first told that it had ended. */
const tasks = new Map();
let made = 0;
let deepQueries = 0;
let firstQueryAt;

function silence(seconds) {
  const bytes = Math.round(seconds * rate) * 2;
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + bytes, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(bytes, 40);
  return Buffer.concat([header, Buffer.alloc(bytes)]);
}

function submit({ InputAudioUrl: url }) {
  const now = Date.now();
  // Unlike the tasks of the cloud that was here before.
  const id = `task-${process.pid}-${made}`;
  const seconds = Number(/-(\d+(\.\d+)?)\.wav$/.exec(url)[1]);
  const endsAt = now + cloudMs(seconds, made) / speed;
  made += 1;
  tasks.set(id, { endsAt, requests: 1, acceptedAt: now });
  // Its twin is for the poller with a fixed interval.
  tasks.set(`fixed-${id}`, { endsAt, requests: 1, acceptedAt: now });
  return { TaskId: id };
}

/** Tasks that nobody submitted here are the crowd: they run for the whole bench. */
function progress({ TaskId: id }) {
  const now = Date.now();
  if (!id.startsWith('fixed-')) firstQueryAt ??= now;
  const task = tasks.get(id);
  if (!task) {
    deepQueries += 1;
    return { Progress: 50, MediaUrl: '', Status: 'MAKING' };
  }
  task.requests += task.seen === undefined ? 1 : 0;
  if (now < task.endsAt) return { Progress: 50, MediaUrl: '', Status: 'MAKING' };
  task.seen ??= now;
  return { Progress: 100, MediaUrl: 'http://127.0.0.1:9/video.mp4', Status: 'SUCCESS' };
}

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://bench');
  const wav = /\/line-(\d+(\.\d+)?)\.wav$/.exec(pathname);
  if (request.method !== 'POST') {
    const body = wav ? silence(Number(wav[1])) : portrait;
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const start = range ? Number(range[1]) : 0;
    const end = Math.min(range?.[2] ? Number(range[2]) : body.length - 1, body.length - 1);
    response.writeHead(range ? 206 : 200, {
      'content-type': wav ? 'audio/wav' : 'image/jpeg',
      'content-length': end - start + 1,
      'accept-ranges': 'bytes',
      ...(range && { 'content-range': `bytes ${start}-${end}/${body.length}` }),
    });
    return void response.end(request.method === 'HEAD' ? undefined : body.subarray(start, end + 1));
  }
  let text = '';
  request.on('data', (chunk) => (text += chunk));
  request.on('end', () => {
    const { Payload: payload } = JSON.parse(text);
    const answer = pathname.endsWith('/getprogress') ? progress(payload) : submit(payload);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ Header: { Code: 0, Message: '', RequestID: 'bench' }, Payload: answer }));
  });
});
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));

process.on('message', ({ ask, spread: wanted }) => {
  if (ask === 'again') {
    spread = wanted;
    tasks.clear();
    deepQueries = 0;
    firstQueryAt = undefined;
    process.send({ ask });
  } else process.send({ ask, firstQueryAt, deepQueries, tasks: [...tasks] });
});
process.on('disconnect', () => process.exit(0));
