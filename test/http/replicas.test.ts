import { afterAll, describe, expect, it } from 'vitest';
import { startPostgres } from '../jobs/postgres-server.ts';
import { type Load, Replicas, type Tally } from './replicas.ts';

/** `npm run test:replicas` takes the whole; every run of the tests a small one. */
const whole = process.env.REPLICAS === 'whole';
const load: Load = whole
  ? {
      jobs: 2_000,
      principals: 20,
      lanes: { 'ivh-video-no-training': 24, 'vclm-portrait-sing': 12 },
      speed: 30,
      ageLeases: false,
    }
  : {
      jobs: 120,
      principals: 6,
      lanes: { 'ivh-video-no-training': 10, 'vclm-portrait-sing': 4 },
      speed: 40,
      ageLeases: true,
    };

const database = await startPostgres({ durable: whole });
afterAll(() => database?.stop());

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

function print(tally: Tally): void {
  const pair = (values: readonly number[]) =>
    `p50 ${quantile(values, 0.5).toFixed(0)} ms, p99 ${quantile(values, 0.99).toFixed(0)} ms (${values.length})`;
  const unknown = [...tally.ended.values()].filter(({ status }) => status === 'unknown').length;
  process.stdout.write(
    [
      `replicas: ${load.jobs} jobs of ${load.principals} principals in ${(tally.minutes * 60).toFixed(0)} s`,
      `${(load.jobs / tally.minutes).toFixed(0)} jobs a minute`,
      `submit ${pair(tally.submitMs)}`,
      `state to notification ${pair(tally.noticeMs)}`,
      `most at once ${JSON.stringify(tally.most)} of ${JSON.stringify(load.lanes)}`,
      `heard ${tally.heard.size}, ended before they could be followed ${tally.late.size}`,
      `unknown ${unknown}, in the killed replica's hands ${tally.cutShort}, calls asked again ${tally.repeated}`,
      `errors logged ${tally.faults.length}: ${tally.faults.slice(0, 3).join(' ').slice(0, 600)}\n`,
    ].join('\n  '),
  );
}

describe.skipIf(!database)('three replicas on one database, one killed and one drained', () => {
  it(
    'end every job once, keep every lane, and tell everybody of their own',
    async () => {
      if (!database) throw new Error('there is no database');
      const replicas = await Replicas.open(load, database);
      try {
        const tally = await replicas.run();
        print(tally);
        const { intents, ended, accepted } = tally;
        expect(intents).toHaveLength(load.jobs);
        expect(new Set(intents.map(({ jobId }) => jobId)).size).toBe(load.jobs);
        expect(ended.size).toBe(load.jobs);
        let unknown = 0;
        for (const { jobId, key, owner } of intents) {
          const job = ended.get(jobId ?? '');
          expect(job?.principal, key).toContain(owner);
          if (job?.status === 'unknown') unknown++;
          else expect(job?.status, key).toBe('succeeded');
          const times = accepted.get(key) ?? 0;
          expect(times, key).toBeLessThanOrEqual(1);
          if (job?.status === 'succeeded') expect(times, key).toBe(1);
        }
        expect(accepted.has('none')).toBe(false);
        // Only what the dead replica was sending at its end; all others are known.
        expect(unknown).toBeLessThanOrEqual(tally.cutShort);
        for (const [lane, size] of Object.entries(load.lanes)) {
          expect(tally.most[lane], lane).toBeLessThanOrEqual(size);
          expect(tally.most[lane], lane).toBeGreaterThan(1);
        }
        expect(tally.foreign).toEqual([]);
        expect(tally.probes).toHaveLength(load.principals);
        for (const { isError, text } of tally.probes)
          expect([isError, text]).toEqual([true, expect.stringContaining('not_found')]);
        for (const { jobId = '' } of intents)
          expect(tally.heard.has(jobId) || tally.late.has(jobId), jobId).toBe(true);
        expect(tally.late.size).toBeLessThan(load.jobs / 4);
        expect(tally.drainedWith).toBe(0);
      } finally {
        await replicas.close();
      }
    },
    whole ? 1_800_000 : 240_000,
  );
});
