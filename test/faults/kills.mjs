import { setTimeout as pause } from 'node:timers/promises';

const [anyTime, submitting] = ['kill -9', 'kill -9 while submitting'];
export const killNames = [anyTime, submitting];
export const clockName = 'clock skew';

/** kill -9 and clean restarts; some kills are aimed at moments when a submission is under way. */
export async function strike(strikes, { watch, pool, random, done }) {
  const injected = { [anyTime]: 0, [submitting]: 0 };
  for (let left = strikes; left > 0 && !done.now; ) {
    await pause(random.between(600, 6_000));
    const aimed = random.chance(0.4);
    const until = Date.now() + 3_000;
    while (!done.now && watch.submitting > 0 !== aimed && Date.now() < until) await pause(2);
    if (watch.submitting > 0 !== aimed) continue;
    if (aimed) await pause(random.between(0, 25));
    if (random.chance(0.2)) await pool.strike(random, false);
    else if (await pool.strike(random, true)) {
      injected[watch.submitting > 0 ? submitting : anyTime] += 1;
      left -= 1;
    }
  }
  return Object.entries(injected);
}

/**
 * A short campaign kills at its end: all servers while they submit, and once more when they are back. Nothing else
 * waits behind the leases of the dead then.
 */
export async function strikeAtEnd(programs, { watch, pool, random }) {
  const injected = { [anyTime]: 0, [submitting]: 0 };
  const last = Promise.all(programs.map((program) => program.rehearse(5_000)));
  const strikeAll = async (before) => {
    for (let index = 0; index < pool.size; index++) {
      await before(index);
      const kind = watch.submitting > 0 ? submitting : anyTime;
      if (await pool.strike(random, true, index)) injected[kind] += 1;
    }
  };
  /** Whether or not anything is being submitted, at the moment that is asked for; a quiet one comes when all have ended. */
  const moment = async (aimed, ms) => {
    for (let until = Date.now() + ms; watch.submitting > 0 !== aimed && Date.now() < until; ) await pause(2);
  };
  await moment(true, 3_000);
  await pause(random.between(0, 25));
  await strikeAll(() => {});
  await pause(random.between(0, 250));
  await strikeAll(() => moment(false, 15_000));
  await last;
  return Object.entries(injected);
}

/** The clouds' clock is wrong for a while, then right again, for all of them at once. */
export async function turnClock(turns, { cloud, random, hasty, done }) {
  const set = (seconds, label) =>
    cloud.fault(
      ['submit', 'query', 'list'].map((call) => ({ call, fault: 'clock', offset_seconds: seconds, label })),
    );
  let turned = 0;
  for (; turned < turns && !done.now; turned++) {
    await pause(random.between(500, hasty ? 1_000 : 8_000));
    await set(random.pick([-1, 1]) * random.between(600, 7_200), `clock ${turned}`);
    await pause(random.between(500, 2_000));
    await set(0);
  }
  const hits = await cloud.hits();
  const met = Array.from({ length: turned }, (_, turn) => hits[`clock ${turn}`] ?? 0).filter(
    (times) => times > 0,
  );
  return [[clockName, met.length]];
}
