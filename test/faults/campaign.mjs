// `npm run test:faults -- --seed N --runs 1000`: real servers, the real emulator, faults and kills by a seed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { entry, startCloud, startListener, startMedia } from './cloud.mjs';
import { deal, faultKinds } from './faults.mjs';
import { flood, queriesPerSecond } from './flood.mjs';
import { clockName, killNames, strike, strikeAtEnd, turnClock } from './kills.mjs';
import { operations } from './operations.mjs';
import { buildWithPlant } from './plants.mjs';
import { Pool } from './pool.mjs';
import { Program } from './program.mjs';
import { randomFrom } from './random.mjs';
import { summary } from './summary.mjs';
import { drained, empty, judge, readJobs } from './verdict.mjs';
import { Watch } from './watch.mjs';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    runs: { type: 'string', default: '1000' },
    plant: { type: 'string' },
    keep: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const [seed, runs] = [Number(values.seed), Number(values.runs)];
if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(runs) || runs < 1)
  throw new Error('--seed and --runs are whole numbers.');

/** A short campaign cannot wait for the lease of a server that was killed while it submitted (90 s). */
const hasty = runs < 200;
const leaseMs = 120_000;
const timeoutMs = 2_000;
const speed = 200;

const started = Date.now();
const place = await mkdtemp(join(tmpdir(), 'fault-campaign-'));
const serverEntry = values.plant ? await buildWithPlant(values.plant, join(place, 'planted')) : entry;
const [cloud, media] = await Promise.all([startCloud(speed), startMedia()]);
const watch = new Watch();
const dataDirectory = join(place, 'data');
const random = randomFrom(seed, 'campaign');

/** Every life of a server has its own mood: some check files first, some believe in more room than there is. */
const environment = (drawn) => ({
  ...cloud.environment,
  DIGITAL_HUMAN_DATA_DIR: dataDirectory,
  DIGITAL_HUMAN_PREFLIGHT: drawn.chance(0.15) ? 'on' : 'off',
  DIGITAL_HUMAN_CLOUD_TIMEOUT_SECONDS: String(timeoutMs / 1_000),
  DIGITAL_HUMAN_LANES: drawn.chance(0.5)
    ? operations.map(({ lane }) => `${lane}=${drawn.between(1, 9)}`).join(',')
    : '',
});
const log = join(place, 'servers.log');
const pool = new Pool({
  entry: serverEntry,
  environment,
  size: hasty ? 2 : 3,
  log,
  random,
});
let listener;

const phase = (name) => process.stderr.write(`${((Date.now() - started) / 1_000).toFixed(1)} s: ${name}\n`);

let result;
try {
  await pool.open();
  listener = await startListener({ entry: serverEntry, environment: environment(random), log });
  media.callbacks.to = listener.callbacks;
  phase('servers ready');
  watch.start(pool, randomFrom(seed, 'watch'), cloud);
  const parts = { seed, cloud, pool, media, watch, timeoutMs, hasty };
  const chosen = operations.filter(({ brief }) => brief || !hasty);
  const dealt = deal(chosen, randomFrom(seed, 'deal'));
  const programs = chosen.map((operation, index) => new Program(operation, dealt[index], parts));
  await Promise.all(programs.map((program) => program.rehearse()));
  phase('rehearsed');
  const [kills, turns] = [hasty ? 2 * pool.size : Math.ceil(runs / 25), Math.ceil(runs / 60)];
  const share = Math.ceil((runs - kills - turns) / programs.length);
  const done = { now: false };
  const flooded = flood({
    entry: serverEntry,
    place,
    media,
    random: randomFrom(seed, 'flood'),
    jobs: 300,
    queries: hasty ? 60 : 150,
  });
  const apart = Promise.all([
    hasty ? [] : strike(kills, { ...parts, done, random: randomFrom(seed, 'strikes') }),
    turnClock(turns, { ...parts, done, random: randomFrom(seed, 'clock') }),
    flooded,
  ]);
  const ticker = setInterval(
    () => phase(`episodes so far ${programs.map(({ scripted }) => scripted.length).join(' ')}`),
    15_000,
  );
  await Promise.all(programs.map((program) => program.run(share)));
  done.now = true;
  clearInterval(ticker);
  phase('runs done');
  const [struck, clock, budget] = await apart;
  phase('flood done');
  const strikes = hasty
    ? await strikeAtEnd(programs, { ...parts, random: randomFrom(seed, 'strikes') })
    : struck;
  phase('struck');
  const path = join(dataDirectory, 'jobs.sqlite');
  const deadline = hasty
    ? Date.now() + 8_000
    : Math.max(Date.now(), pool.kills.at(-1) ?? 0) + leaseMs + 30_000;
  await drained(path, { deadline, hasty });
  phase('drained');
  await watch.stop();
  await pool.close();
  if (!(await listener.stop())) pool.stubborn += 1;
  const [submissions, hits] = [await cloud.submissions(), await cloud.hits()];
  const violation = (what, detail) => watch.violation(what, detail);
  const file = readJobs(path);
  const intents = programs.flatMap((program) => program.intents);
  judge({ intents, submissions, ...file, hasty, violation });
  if (budget.busiest > queriesPerSecond)
    violation('too many queries', `${budget.busiest} a second, ${queriesPerSecond} are allowed`);
  if (pool.stubborn > 0) violation('a server did not end with its input', pool.stubborn);
  const injected = new Map([...strikes, ...clock]);
  const twins = programs.reduce((sum, each) => sum + each.twins, 0);
  injected.set('the same call twice', twins);
  for (const { kind, counted, label } of programs.flatMap((program) => program.scripted)) {
    const met = Math.min(hits[label] ?? 0, counted);
    injected.set(kind, (injected.get(kind) ?? 0) + met);
  }
  const delivered = [...media.callbacks.taken.values()];
  const callbacks = { taken: delivered.length, twice: delivered.filter((times) => times > 1).length };
  result = {
    seed,
    plant: values.plant,
    seconds: Math.round((Date.now() - started) / 1000),
    runs: [...injected.values()].reduce((sum, count) => sum + count, 0),
    injected: Object.fromEntries(injected),
    kills: pool.kills.length,
    restarts: pool.restarts,
    intents: intents.length,
    acknowledged: intents.filter(({ jobIds }) => jobIds.size > 0).length,
    calls: intents.reduce((sum, { calls }) => sum + calls, 0),
    accepted: submissions.length,
    ends: count(file.jobs, ({ status }) => status),
    excused: {
      kill: programs.reduce((sum, { excusedByKill }) => sum + excusedByKill, 0),
      stall: programs.reduce((sum, { excusedByStall }) => sum + excusedByStall, 0),
    },
    sightings: watch.sightings,
    lists: watch.lists,
    callbacks,
    budget,
  };
  const kinds = [...faultKinds.map(({ name }) => name), ...killNames, clockName, 'the same call twice'];
  for (const what of empty(result, kinds, runs)) violation('the campaign proves nothing', what);
  result.violations = watch.violations;
} finally {
  await Promise.all([pool.close(), listener?.stop()]);
  await cloud.stop();
  media.close();
  if (!values.keep) await rm(place, { recursive: true, force: true });
}

function count(list, key) {
  const counts = {};
  for (const each of list) counts[key(each)] = (counts[key(each)] ?? 0) + 1;
  return counts;
}

if (values.json) process.stderr.write(summary(result));
process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : summary(result));
if (values.keep) process.stderr.write(`kept: ${place}\n`);
process.exitCode = result.violations.length > 0 ? 1 : 0;
