import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Libsql from 'libsql';
import { median, open } from './stdio.mjs';

const entry = resolve(import.meta.dirname, '../dist/index.js');
/**
 * Time is compressed no further than the machine's own least interval (200 ms) stays small beside it. A crowd keeps a
 * machine as busy as its budget is large, and that grows with the speed.
 */
const [fast, slow] = [5, 2];
const crowd = 10_000;
const ending = 150;
/** Jobs from which a server learns before it is measured. */
const lessons = 40;
const fixedMs = 5_000;
const seed = 5;

/** What the figures are about. */
export const jobMix = [
  `Jobs measured: ${ending} of photo_to_video at once, recordings of 4 to 15 s, each second 20 s in the cloud (documented)`,
  'with the spread that the line names (not documented; see where the bars break), and 2 to 8 s of waiting besides.',
  `The crowd: ${crowd} jobs of make_video_advanced, half an hour of result each, that outlast the bench. The cloud's clock runs`,
  `${fast} times as fast, with the crowd ${slow} times; lags are told in its time. The fixed poller asks after twins of the same tasks.`,
].join('\n');

async function startCloud(speed) {
  const child = fork(join(import.meta.dirname, 'job-cloud.mjs'), [String(speed), String(seed)]);
  const [{ port }] = await once(child, 'message');
  return {
    speed,
    url: `http://127.0.0.1:${port}`,
    async ask(what, more) {
      child.send({ ask: what, ...more });
      return (await once(child, 'message'))[0];
    },
    stop: () => child.disconnect(),
  };
}

function environment(cloud, directory) {
  return {
    IVH_APP_KEY: 'bench',
    IVH_ACCESS_TOKEN: 'bench',
    DIGITAL_HUMAN_IVH_URL: cloud.url,
    DIGITAL_HUMAN_DATA_DIR: directory,
    DIGITAL_HUMAN_ALLOW_PRIVATE_ADDRESSES: 'on',
    DIGITAL_HUMAN_SANDBOX_SPEED: String(cloud.speed),
    DIGITAL_HUMAN_LANES: `ivh-video=9999,ivh-video-no-training=9999`,
    DIGITAL_HUMAN_LOG_LEVEL: 'error',
  };
}

/** Recordings of 4 to 15 seconds, evenly: jobs of 80 to 300 s by the documented rate. */
const seconds = (index) => (4 + ((index * 37) % 111) / 10).toFixed(1);
/** Log-normal spread of the tasks' times around the documented rate; what the clouds really do is not known. */
const [even, uneven] = [0.08, 0.2];

function submission(cloud, tool, length) {
  const recording = { driver_type: 'OriginalVoice', input_audio_url: `${cloud.url}/line-${length}.wav` };
  return tool === 'photo_to_video'
    ? { ref_photo_url: `${cloud.url}/portrait.jpg`, ...recording }
    : { virtualman_key: 'bench', ...recording, video_param: { format: 'Mp4' } };
}

async function submit(session, cloud, tool, length) {
  const { result } = await session.call(tool, submission(cloud, tool, length));
  if (result.structuredContent?.status !== 'pending') throw new Error(result.content[0].text);
}

/**
 * One job of hours, taken by the cloud, becomes ten thousand. They are due over the time that half of the budget needs
 * to ask after all of them, as they would be after hours of running.
 */
async function seedCrowd(cloud, directory) {
  const session = open(entry, [], environment(cloud, directory));
  await session.initialize();
  await submit(session, cloud, 'make_video_advanced', 60);
  await session.close();
  const database = new Libsql(join(directory, 'jobs.sqlite'));
  const names = database.prepare("select name from pragma_table_info('jobs')").all();
  const waitMs = Math.round((2 * crowd * 1_000) / 15 / cloud.speed);
  const copied = {
    id: "id || '-' || ?",
    cloud_task_id: "'crowd-' || ?",
    result_seconds: '1800',
    due_at: '?',
    asked_at: '?',
    lease_owner: 'null',
    lease_until: 'null',
  };
  const columns = names.map(({ name }) => name);
  const values = columns.map((name) => copied[name] ?? name).join(', ');
  const copy = database.prepare(
    `insert into jobs (${columns.join(', ')}) select ${values} from jobs where tool = 'make_video_advanced' order by rowid limit 1`,
  );
  database.exec('begin');
  for (let index = 1; index <= crowd; index++) {
    const dueAt = Date.now() + Math.round((waitMs * index) / crowd);
    const given = { id: index, cloud_task_id: index, due_at: dueAt, asked_at: dueAt - waitMs };
    copy.run(...columns.filter((name) => name in given).map((name) => given[name]));
  }
  database.exec(`delete from jobs where cloud_task_id not like 'crowd-%' and status <> 'succeeded'`);
  database.exec('commit');
  database.close();
}

/** Asks after the twins of all tasks every five seconds of the cloud's time, whatever it learns. */
async function pollFixed(cloud, ids, stopped) {
  const ask = async (id) => {
    await pause((Math.random() * fixedMs) / cloud.speed);
    while (!stopped.now) {
      const next = pause(fixedMs / cloud.speed);
      const reply = await fetch(`${cloud.url}/getprogress`, {
        method: 'POST',
        body: JSON.stringify({ Payload: { TaskId: `fixed-${id}` } }),
      });
      if ((await reply.json()).Payload.Status === 'SUCCESS') return;
      await next;
    }
  };
  await Promise.all(ids.map(ask));
}

/** Submits jobs of some minutes and waits until both pollers have learned of every end. */
async function race(session, cloud, { jobs = ending, room = 750_000 / cloud.speed } = {}) {
  const stopped = { now: false };
  const fixed = [];
  const known = new Set();
  let largest = 0;
  const follow = async () => {
    const { tasks } = await cloud.ask('tasks');
    for (const [id] of tasks.filter(([name]) => name.startsWith('task-') && !known.has(name))) {
      known.add(id);
      fixed.push(pollFixed(cloud, [id], stopped));
    }
    largest = Math.max(largest, session.residentMegabytes());
    return tasks;
  };
  const queue = Array.from({ length: jobs }, (_, index) => seconds(index));
  const submitters = Array.from({ length: 4 }, async () => {
    for (let length = queue.pop(); length !== undefined; length = queue.pop())
      await submit(session, cloud, 'photo_to_video', length);
  });
  const all = Promise.all(submitters);
  const deadline = Date.now() + room;
  let tasks = [];
  do {
    await pause(500);
    tasks = await follow();
  } while (Date.now() < deadline && !(tasks.length === 2 * jobs && tasks.every(([, { seen }]) => seen)));
  await all;
  stopped.now = true;
  await Promise.all(fixed);
  const side = (prefix) => {
    const mine = tasks.filter(([id, { seen }]) => id.startsWith(prefix) && seen);
    return {
      finished: mine.length,
      requests: mine.reduce((sum, [, task]) => sum + task.requests, 0) / mine.length,
      lag: (median(mine.map(([, { seen, endsAt }]) => seen - endsAt)) / 1_000) * cloud.speed,
    };
  };
  return { jobs, ours: side('task-'), fixed: side('fixed-'), largest };
}

function report(row, name, { jobs, ours, fixed }) {
  row(
    `requests per finished job, ${name}`,
    ours.requests.toFixed(1),
    `5 s: ${fixed.requests.toFixed(1)}`,
    `${(ours.requests / fixed.requests).toFixed(2)}x`,
    '<= 0.25x',
  );
  row(
    `  median lag of ${ours.finished} of ${jobs} ends heard`,
    `${ours.lag.toFixed(2)} s`,
    `5 s: ${fixed.lag.toFixed(2)} s`,
    `${(ours.lag / fixed.lag).toFixed(2)}x`,
    '<= 1x',
  );
}

/** Jobs that nothing is known of, then others of the same kind, and nobody else. */
async function alone(row, cloud, directory) {
  const percent = (spread) => `${100 * spread} %`;
  for (const spread of [even, uneven]) {
    const own = join(directory, String(spread));
    mkdirSync(own, { recursive: true });
    const session = open(entry, [], environment(cloud, own));
    await session.initialize();
    await cloud.ask('again', { spread });
    report(
      row,
      `first ${lessons} jobs ever, spread ${percent(spread)}`,
      await race(session, cloud, { jobs: lessons }),
    );
    await cloud.ask('again', { spread });
    report(row, `after these, spread ${percent(spread)}`, await race(session, cloud));
    await session.close();
  }
}

/** The same beside ten thousand jobs of hours, after a restart. What was learned alone is known. */
async function crowded(row, cloud, directory) {
  await seedCrowd(cloud, directory);
  await cloud.ask('again', { spread: even });
  const startedAt = Date.now();
  const session = open(entry, [], environment(cloud, directory));
  await session.initialize();
  let seen;
  for (let looks = 0; looks < 600 && !seen?.firstQueryAt; looks++) {
    await pause(50);
    seen = await cloud.ask('tasks');
  }
  const seconds = ((seen.firstQueryAt - startedAt) / 1_000).toFixed(2);
  row('10,000 in flight: restart to first poll', `${seconds} s`, '', '', '<= 2 s');
  const from = Date.now();
  const raced = await race(session, cloud);
  const { deepQueries } = await cloud.ask('tasks');
  row('10,000 in flight: memory, largest', `${raced.largest.toFixed(0)} MB`, '', '', '<= 250 MB');
  const perSecond = deepQueries / ((Date.now() - from) / 1_000) / cloud.speed;
  row('10,000 in flight: questions a second about them', perSecond.toFixed(1), '5 s: 2000', '', '<= 20');
  report(row, `in the crowd, spread ${100 * even} %`, raced);
  await session.close();
}

/**
 * Pollers side by side, alone and among 10,000 jobs in flight on one process.
 * @param row takes what is measured: what, figure, floor, ratio, bar
 */
export async function measureJobs(row, scratch) {
  for (const [speed, measure, directory] of [
    [fast, alone, scratch],
    [slow, crowded, join(scratch, String(even))],
  ]) {
    const cloud = await startCloud(speed);
    try {
      await measure(row, cloud, directory);
    } finally {
      cloud.stop();
    }
  }
}
