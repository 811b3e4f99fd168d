import { afterEach, describe, expect, it } from 'vitest';
import { beijingTime, compactBeijingTime } from '../../src/clouds/dashscope/times.ts';
import type { Job } from '../../src/core/job.ts';
import { unknownOutcome } from '../../src/jobs/unknown.ts';
import { jobResult } from '../../src/mcp/job-result.ts';
import {
  ask,
  connectionsOf,
  fakeConnection,
  newJob,
  operationOf,
  photo,
  pollerParts,
  send,
  TestClock,
} from './harness.ts';

const hour = 3_600_000;
const day = 24 * hour;
const done = { Status: 'SUCCESS', MediaUrl: 'https://example.com/v.mp4', Duration: 5_000 };

async function sent(query: () => unknown) {
  const clock = new TestClock();
  const parts = await pollerParts(connectionsOf(fakeConnection({ query: async () => query() })), clock);
  await parts.store.insert(newJob({ input: photo() }));
  const job = await send(parts);
  if (!job) throw new Error('nothing was sent');
  return { clock, parts, job };
}

const next = (job: Job | undefined, now: number) => job && jobResult(job, { now, reach: 'local' }).next;

describe('daylight saving', () => {
  /** The night in which New York's and Berlin's clocks go back. */
  const nights = ['2026-11-01 13:59:59', '2026-11-01 14:00:01', '2026-10-25 08:59:59', '2026-10-25 09:00:01'];
  const told = async () => {
    const { clock, job } = await sent(() => done);
    const unknown = unknownOutcome({ ...job, submittedAt: Date.UTC(2026, 10, 1, 5, 59, 59) }, 'Lost.').advice;
    const [first, later] = [job.dueAt ?? 0, clock.ms + 3_600_000];
    return [...nights.map(beijingTime), compactBeijingTime(later), first - clock.ms, unknown.slice(0, 160)];
  };
  const zone = process.env.TZ;
  afterEach(() => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });

  it('of the place where the server runs changes nothing', async () => {
    const seen = new Set<string>();
    const offsets = new Set<number>();
    for (const place of ['UTC', 'America/New_York', 'Europe/Berlin', 'Australia/Lord_Howe']) {
      process.env.TZ = place;
      offsets.add(new Date(Date.UTC(2026, 6, 1)).getTimezoneOffset());
      seen.add(JSON.stringify(await told()));
    }
    expect(offsets.size).toBe(4);
    expect([...seen]).toHaveLength(1);
    const [facts = ''] = seen;
    expect(JSON.parse(facts).slice(0, 2)).toEqual([
      Date.UTC(2026, 10, 1, 5, 59, 59),
      Date.UTC(2026, 10, 1, 6, 0, 1),
    ]);
    expect(facts).toContain('2026-11-01 05:59:59 UTC (2026-11-01 13:59:59 Beijing time)');
  });
});

describe('times without a zone', () => {
  it('are Beijing’s', () => {
    // The recorded record: the link's Expires is 24 h after this end.
    expect(beijingTime('2024-03-04 10:09:07')).toBe(1_709_604_547_000 - day);
    expect(beijingTime('2024-03-04 10:09:07.123')).toBe(1_709_604_547_123 - day);
    expect([beijingTime(''), beijingTime(null), beijingTime('yesterday')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(compactBeijingTime(Date.UTC(2026, 11, 31, 17, 5, 9))).toBe('20270101010509');
  });

  it('give a DashScope result the life that it really has', () => {
    const operation = operationOf('video_retalk');
    const output = {
      task_status: 'SUCCEEDED',
      video_url: 'https://example.com/v.mp4',
      scheduled_time: '2024-03-04 10:08:07.000',
      end_time: '2024-03-04 10:09:07.000',
    };
    const state = operation.decode(operation.wire.status.reply.parse({ output }));
    expect(state).toMatchObject({ startedAt: 1_709_604_487_000 - day, endedAt: 1_709_604_547_000 - day });
  });
});

describe('a machine that slept', () => {
  it('finds a result that expired meanwhile, and says so', async () => {
    const { clock, parts, job } = await sent(() => done);
    clock.ms += 8 * day;
    const found = await ask(parts);
    expect(found).toMatchObject({ id: job.id, status: 'succeeded' });
    expect(next(found, clock.ms)).toContain('expired');
  });

  it('finds a result that still lives, with the life that is surely left', async () => {
    const { clock, parts, job } = await sent(() => done);
    clock.ms += 2 * day;
    const found = await ask(parts);
    expect(found?.outputs[0]?.expiresAt).toBe((job.submittedAt ?? 0) + 7 * day);
    expect(next(found, clock.ms)).toContain('download_result before');
  });

  it('gives a task up at once when the cloud has long forgotten it, but not for one denial', async () => {
    const { clock, parts } = await sent(() => {
      throw new Error('not asked in this way');
    });
    clock.ms += 60_000;
    expect((await ask(parts))?.status).toBe('pending');

    const retalk = fakeConnection({
      submit: async () => ({ output: { task_id: 'task' } }),
      query: async () => ({ output: { task_status: 'UNKNOWN' } }),
    });
    const later = new TestClock();
    const other = await pollerParts({ dashscope: retalk }, later);
    const input = { video_url: 'https://example.com/v.mp4', audio_url: 'https://example.com/a.mp3' };
    await other.store.insert(
      newJob({ cloud: 'dashscope', tool: 'video_retalk', lane: 'dashscope-video-retalk', input }),
    );
    await send(other);
    later.ms += 20 * 60_000;
    expect((await ask(other, 'dashscope'))?.status).toBe('pending');
    later.ms += 25 * hour;
    const lost = await ask(other, 'dashscope');
    expect(lost).toMatchObject({ status: 'failed', failure: { kind: 'not_found' } });
    expect(lost?.failure?.advice).toContain('24 h');
  });
});

describe('a clock that is wrong', () => {
  it('strands no job when it is set back by a year', async () => {
    const { clock, parts, job } = await sent(() => done);
    clock.ms -= 365 * day;
    expect(await ask(parts)).toBeUndefined();
    await parts.store.claims.repairTimes(600_000);
    expect((await ask(parts))?.status).toBe('succeeded');
    expect(job.status).toBe('pending');
  });

  it('frees what was leased before it was set back', async () => {
    const { clock, parts } = await sent(() => done);
    clock.ms += hour;
    const scope = { cloud: 'ivh', account: 'account', underway: [] } as const;
    expect(await parts.store.claims.polls(scope, 1, 90_000)).toHaveLength(1);
    clock.ms -= 2 * day;
    await parts.store.claims.repairTimes(600_000);
    expect((await ask(parts))?.status).toBe('succeeded');
  });

  it('lets no job end before it was last seen, whatever the cloud’s clock says', async () => {
    const state = (time: string) => ({
      output: { task_status: 'SUCCEEDED', video_url: 'https://example.com/v.mp4', end_time: time },
    });
    for (const time of ['1999-01-01 00:00:00.000', '2099-01-01 00:00:00.000']) {
      const clock = new TestClock();
      const connection = fakeConnection({
        submit: async () => ({ output: { task_id: 'task' } }),
        query: async () => state(time),
      });
      const parts = await pollerParts({ dashscope: connection }, clock);
      const input = { video_url: 'https://example.com/v.mp4', audio_url: 'https://example.com/a.mp3' };
      await parts.store.insert(
        newJob({ cloud: 'dashscope', tool: 'video_retalk', lane: 'dashscope-video-retalk', input }),
      );
      const job = await send(parts);
      clock.ms += 100_000;
      const expiresAt = (await ask(parts, 'dashscope'))?.outputs[0]?.expiresAt ?? 0;
      expect(expiresAt).toBeGreaterThanOrEqual((job?.submittedAt ?? 0) + day);
      expect(expiresAt).toBeLessThanOrEqual(clock.ms + day);
    }
  });
});
