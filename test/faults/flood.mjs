import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Libsql from 'libsql';
import { startCloud } from './cloud.mjs';
import { operations } from './operations.mjs';
import { Pool } from './pool.mjs';
import { busiest } from './verdict.mjs';

/** Documented for DashScope, and kept for every cloud. */
export const queriesPerSecond = 20;
const servers = 3;
const longestMs = 30_000;

/** One accepted job becomes many that are all due now. The tasks of the copies are unknown to the cloud. */
function multiply(path, jobs) {
  const database = new Libsql(path);
  try {
    const columns = database.prepare("select name from pragma_table_info('jobs')").all();
    const copied = { id: "id || '-' || ?", cloud_task_id: "cloud_task_id || '-' || ?", due_at: '0' };
    for (const name of ['lease_owner', 'lease_until', 'asked_at']) copied[name] = 'null';
    const names = columns.map(({ name }) => name);
    const values = names.map((name) => copied[name] ?? name).join(', ');
    const copy = database.prepare(
      `insert into jobs (${names.join(', ')}) select ${values} from jobs order by rowid limit 1`,
    );
    for (let index = 1; index < jobs; index++) copy.run(index, index);
  } finally {
    database.close();
  }
}

/**
 * Three servers wake up together before one file full of jobs, all due at once. What the emulator counts
 * in any second must stay within the documented budget of the account.
 */
export async function flood({ entry, place, media, random, jobs, queries: wanted }) {
  const cloud = await startCloud(1);
  const operation = operations.find(({ tool }) => tool === 'video_retalk');
  const directory = join(place, 'flood');
  mkdirSync(directory);
  const environment = () => ({
    ...cloud.environment,
    DIGITAL_HUMAN_DATA_DIR: directory,
    DIGITAL_HUMAN_PREFLIGHT: 'off',
  });
  const log = join(place, 'flood.log');
  const one = new Pool({ entry, environment, size: 1, log, random });
  const many = new Pool({ entry, environment, size: servers, log, random });
  try {
    await one.open();
    const server = await one.pick(random);
    const { structured, error } = await server.call(operation.tool, operation.input(`${media.url}/flood`));
    if (structured?.status !== 'pending') throw new Error(`the flood has no job: ${error}`);
    await one.halt();
    multiply(join(directory, 'jobs.sqlite'), jobs);
    const from = Date.now();
    await many.open();
    // Long enough that a budget which three servers do not share is broken for sure, also on a slow machine.
    let queries = [];
    for (const until = from + longestMs; queries.length < wanted && Date.now() < until; await pause(100)) {
      const calls = (await cloud.calls()).filter(({ at }) => at >= from);
      queries = calls.filter(({ call }) => call === 'query');
    }
    const times = queries.map(({ at }) => at);
    return { jobs, servers, queries: times.length, busiest: busiest(times, 2), worst: busiest(times, 1) };
  } finally {
    await Promise.all([one.close(), many.close()]);
    await cloud.stop();
  }
}
