import { describe, expect, it } from 'vitest';
import { openConnections } from '../../src/clouds/accounts.ts';
import type { RecentTask } from '../../src/clouds/exchange.ts';
import type { Http, HttpRequest } from '../../src/clouds/http.ts';
import { Failure } from '../../src/core/failure.ts';
import { ask, fakeConnection, newJob, operationOf, pollerParts, send, TestClock } from './harness.ts';

const input = { video_url: 'https://example.com/v.mp4', audio_url: 'https://example.com/a.mp3' };
const retalk = { cloud: 'dashscope', tool: 'video_retalk', lane: 'dashscope-video-retalk', input } as const;

/** A DashScope whose submissions are lost on the way back, and its list of tasks. */
async function losing(list: (sentAt: number) => RecentTask[]) {
  const clock = new TestClock();
  const counts = { submissions: 0, lists: 0 };
  let sentAt = 0;
  const connection = fakeConnection({
    submit: async () => {
      counts.submissions++;
      sentAt = clock.ms;
      throw new Failure({ kind: 'network', message: 'It broke off.', advice: 'Wait.', stage: 'no_reply' });
    },
    query: async () => ({ output: { task_status: 'PENDING' } }),
    findRecent: async () => {
      counts.lists++;
      return list(sentAt);
    },
  });
  const parts = await pollerParts({ dashscope: connection }, clock);
  await parts.store.insert(newJob(retalk));
  const lost = await send(parts);
  if (lost?.status !== 'unknown') throw new Error(`it is ${lost?.status}`);
  /** Looks until nothing more is due. */
  const settle = async () => {
    let job = lost;
    for (let looks = 0; looks < 20 && job.status === 'unknown' && job.dueAt !== undefined; looks++) {
      clock.ms = Math.max(clock.ms, job.dueAt);
      await ask(parts, 'dashscope');
      job = (await parts.store.get(lost.id)) ?? job;
    }
    return job;
  };
  return { clock, parts, counts, lost, settle };
}

describe('a VideoRetalk job of unknown outcome', () => {
  it('says what to look for, how to adopt it and how to release it', async () => {
    const { lost, clock } = await losing(() => []);
    const { advice = '', message = '' } = lost.failure ?? {};
    expect(message).toContain('not known');
    for (const part of [
      '2026-01-01 00:00:00 UTC',
      '2026-01-01 08:00:00 Beijing',
      lost.id,
      'cloud_task_id',
      'cancel_job',
    ])
      expect(advice).toContain(part);
    expect(lost.dueAt).toBe(clock.ms + 5_000);
  });

  it('is found in the list when one task fits', async () => {
    const { counts, settle } = await losing((sentAt) => [
      { taskId: 'too early', submittedAt: sentAt - 60_000 },
      { taskId: 'it', submittedAt: sentAt + 800 },
      { taskId: 'too late', submittedAt: sentAt + 120_000 },
    ]);
    expect(await settle()).toMatchObject({ status: 'pending', cloudTaskId: 'it' });
    expect(counts).toEqual({ submissions: 1, lists: 1 });
  });

  it('is not taken for a task that another job follows', async () => {
    const { counts, parts, settle } = await losing((sentAt) => [
      { taskId: 'taken', submittedAt: sentAt + 800 },
    ]);
    await parts.store.insert(newJob({ ...retalk, cloudTaskId: 'taken' }));
    const job = await settle();
    expect(job.status).toBe('unknown');
    expect(job.failure?.message).toContain('probably not accepted');
    expect(counts).toEqual({ submissions: 1, lists: 4 });
    expect(job.dueAt).toBeUndefined();
  });

  it('is not guessed among several', async () => {
    const { settle } = await losing((sentAt) => [
      { taskId: 'one', submittedAt: sentAt + 800 },
      { taskId: 'two', submittedAt: sentAt + 900 },
    ]);
    const job = await settle();
    expect(job.status).toBe('unknown');
    expect(job.failure?.message).toContain('"one", "two"');
  });

  it('is not guessed when another job of unknown outcome could be meant', async () => {
    const { clock, parts, settle } = await losing((sentAt) => [
      { taskId: 'whose', submittedAt: sentAt + 800 },
    ]);
    clock.ms += 2_000;
    await parts.store.insert(newJob(retalk));
    expect((await send(parts))?.status).toBe('unknown');
    const job = await settle();
    expect(job.status).toBe('unknown');
    expect(job.failure?.message).toContain('another of unknown outcome');
    expect(job.failure?.message.match(/Whether/g)).toHaveLength(1);
  });

  it('waits for its task to appear, and is never sent again', async () => {
    let looks = 0;
    const { counts, settle } = await losing((sentAt) =>
      ++looks < 3 ? [] : [{ taskId: 'it', submittedAt: sentAt + 800 }],
    );
    expect(await settle()).toMatchObject({ status: 'pending', cloudTaskId: 'it' });
    expect(counts).toEqual({ submissions: 1, lists: 3 });
  });

  it('stays as it is when the list cannot be read', async () => {
    const { counts, settle } = await losing(() => {
      throw new Error('no list');
    });
    const job = await settle();
    expect(job.status).toBe('unknown');
    expect(job.failure?.message).toContain('could not be read');
    expect(counts.submissions).toBe(1);
  });
});

describe('the list of recent tasks', () => {
  const { wire } = operationOf('video_retalk');
  const ms = Date.UTC(2026, 0, 1, 12);

  /** A cloud whose clock is `skewMs` ahead, with two pages of tasks. */
  function cloud(skewMs: number) {
    const sent: HttpRequest[] = [];
    const http: Http = {
      send: async (request) => {
        sent.push(request);
        const page = Number(new URL(request.url).searchParams.get('page_no'));
        const data = [{ task_id: `task-${page}`, gmt_create: ms + skewMs + page * 1_000, status: 'RUNNING' }];
        const body = JSON.stringify({ request_id: 'r', data, total: 2, total_page: 2, page_no: page });
        return { status: 200, headers: { date: new Date(ms + skewMs).toUTCString() }, body };
      },
      close: async () => {},
    };
    const accounts = { dashscope: { url: 'https://dashscope.example', apiKey: 'key' } };
    const { dashscope } = openConnections(accounts, http, () => ms);
    return { sent, list: () => dashscope?.findRecent?.(wire, { from: ms - 3_000, to: ms + 45_000 }) };
  }

  it('asks for the model and the time in Beijing’s, page by page', async () => {
    const { sent, list } = cloud(0);
    expect(await list()).toEqual([
      { taskId: 'task-1', submittedAt: ms + 1_000 },
      { taskId: 'task-2', submittedAt: ms + 2_000 },
    ]);
    expect(sent).toHaveLength(2);
    const url = new URL(sent[0]?.url ?? '');
    expect([sent[0]?.method, url.pathname]).toEqual(['GET', '/api/v1/tasks/']);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      start_time: '20260101194957',
      end_time: '20260101201045',
      model_name: 'videoretalk',
      page_no: '1',
    });
  });

  it.each([-7_200_000, -30_000, 30_000, 7_200_000])(
    'is read in our time when the clocks are %i ms apart',
    async (skew) => {
      const { sent, list } = cloud(skew);
      const found = (await list()) ?? [];
      expect(found.map(({ taskId }) => taskId)).toEqual(['task-1', 'task-2']);
      for (const [index, { submittedAt }] of found.entries())
        expect(Math.abs(submittedAt - ms - (index + 1) * 1_000)).toBeLessThanOrEqual(1_000);
      expect(sent).toHaveLength(Math.abs(skew) > 300_000 ? 3 : 2);
    },
  );
});
