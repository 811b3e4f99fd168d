import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/core/failure.ts';
import { isFinal, type Job } from '../../src/core/job.ts';
import { ChangeFeed } from '../../src/jobs/changes.ts';
import { createLog } from '../../src/log.ts';
import { engines } from './engines.ts';
import {
  atEnd,
  connectionsOf,
  fakeConnection,
  newJob,
  openStore,
  openEngine,
  operationOf,
  photo,
  until,
} from './harness.ts';

const isEnded = (job: Job) => isFinal(job.status);
const operation = operationOf('photo_to_video');
const submission = (audio?: string) => ({ input: photo(audio), warnings: [] });
const kindOf = async (work: Promise<unknown>) => {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof Failure ? [error.kind, error.message] : error;
};

describe.each(engines)('jobs of several principals on $engine', ({ place }) => {
  it('are hidden from each other: by id, in lists, in changes, by task and by key', async () => {
    const engine = await openEngine(connectionsOf(fakeConnection()), { path: await place() });
    const [ann, bob] = [engine.scoped('ann'), engine.scoped('bob')];
    const heard: string[] = [];
    atEnd(bob.listen((job) => heard.push(job.id)));
    const job = await ann.submit(operation, { ...submission(), idempotencyKey: 'key' });
    expect(job).toMatchObject({ principal: 'ann', status: 'pending' });
    const missing = await kindOf(bob.get(job.id));
    expect(missing).toEqual(await kindOf(bob.get(job.id)));
    expect(String(missing)).toBe(String(await kindOf(bob.get('job_x'))).replace('job_x', job.id));
    expect(await kindOf(engine.get(job.id))).toEqual(missing);
    expect(await bob.list({ limit: 10 })).toEqual([]);
    expect(await engine.list({ limit: 10 })).toEqual([]);
    expect((await ann.list({ limit: 10 })).map(({ id }) => id)).toEqual([job.id]);
    // A task that another follows is answered as one that the cloud does not know.
    const taken = await kindOf(bob.adopt('photo_to_video', job.cloudTaskId ?? ''));
    expect(taken).toEqual(['not_found', expect.stringContaining('does not know the task')]);
    const own = await bob.submit(operation, {
      ...submission('https://example.com/b.mp3'),
      idempotencyKey: 'key',
    });
    expect(own.id).not.toBe(job.id);
    // What is heard of a submission comes after its answer.
    await expect.poll(() => heard.length).toBeGreaterThan(0);
    expect(new Set(heard)).toEqual(new Set([own.id]));
  });
});

describe.each(engines)('a repeat on $engine', ({ place }) => {
  it('is found by its key before anything is prepared, and refused when it is another', async () => {
    const engine = await openEngine(connectionsOf(fakeConnection()), { path: await place() });
    const identity = { photo: 'sha256:1' };
    const sought = { identity, idempotencyKey: 'key' };
    expect(await engine.find(operation, sought)).toBeUndefined();
    const job = await engine.submit(operation, { ...submission(), identity, idempotencyKey: 'key' });
    expect((await engine.find(operation, sought))?.id).toBe(job.id);
    // Another address of the same file is the same submission.
    const again = { ...submission('https://example.com/moved.mp3'), identity, idempotencyKey: 'key' };
    expect((await engine.submit(operation, again)).id).toBe(job.id);
    const other = kindOf(engine.find(operation, { ...sought, identity: { photo: 'sha256:2' } }));
    expect(await other).toEqual(['conflict', expect.stringContaining(job.id)]);
    const tool = kindOf(engine.find(operationOf('video_to_video'), sought));
    expect(await tool).toEqual(['conflict', expect.stringContaining(job.id)]);
    expect(await engine.scoped('ann').find(operation, sought)).toBeUndefined();
  });
});

describe.each(engines)('a hint on $engine', ({ place }) => {
  it('makes the cloud be asked, no oftener than every few seconds, and proves nothing', async () => {
    let asked = 0;
    const connection = fakeConnection({
      query: async () => {
        asked++;
        return { Status: 'MAKING' };
      },
    });
    const engine = await openEngine(connectionsOf(connection), { path: await place() });
    const job = await engine.submit(operation, submission());
    expect(job.status).toBe('pending');
    expect(asked).toBe(0);
    expect(await engine.hint('somebody else’s')).toBe(false);
    expect(await engine.hint(job.cloudTaskId ?? '')).toBe(true);
    await until(engine, job.id, ({ status }) => status === 'running');
    for (let hints = 0; hints < 50; hints++) expect(await engine.hint(job.cloudTaskId ?? '')).toBe(true);
    expect(asked).toBe(1);
    expect((await engine.get(job.id)).dueAt).toBeLessThanOrEqual(Date.now() + 5_000);
  });
});

describe.each(engines)('a cloud that does not answer on $engine', ({ place }) => {
  it('does not hold up the questions to another', async () => {
    const path = await place();
    const store = await openStore(path, 'before', Date.now);
    for (let tasks = 0; tasks < 60; tasks++) await store.insert(newJob({ cloudTaskId: `t${tasks}` }));
    const stuck: Array<(reply: unknown) => void> = [];
    let done = false;
    const slow = fakeConnection({
      query: () =>
        new Promise((answer) => {
          if (done) answer({ Status: 'MAKING' });
          else stuck.push(answer);
        }),
    });
    const quick = fakeConnection({
      submit: async () => ({ JobId: 'quick' }),
      query: async () => ({ StatusCode: 'DONE', ResultVideoUrl: 'https://example.com/v.mp4' }),
    });
    const engine = await openEngine(connectionsOf(slow, { vclm: quick }), { path, speed: 100 });
    const input = { image_url: 'https://example.com/p.jpg', audio_url: 'https://example.com/a.mp3' };
    const job = await engine.submit(operationOf('submit_portrait_sing'), { input, warnings: [] });
    expect((await until(engine, job.id, isEnded)).status).toBe('succeeded');
    // As many as one cloud may leave unanswered, and no more.
    while (stuck.length < 16) await new Promise((turn) => setImmediate(turn));
    expect(stuck).toHaveLength(16);
    done = true;
    for (const answer of stuck) answer({ Status: 'MAKING' });
  });
});

describe.each(engines)('the receipt on $engine', ({ place }) => {
  it('is kept when its job was taken for dead meanwhile', async () => {
    let answer: (reply: unknown) => void = () => {};
    const connection = fakeConnection({
      submit: () =>
        new Promise((done) => {
          answer = done;
        }),
    });
    const path = await place();
    let now = Date.now();
    const sleeper = await openEngine(connectionsOf(connection), { path, now: () => now });
    const sending = sleeper.submit(operation, submission());
    let sent: Job[] = [];
    while (sent.length === 0) sent = await sleeper.list({ status: 'submitting', limit: 1 });
    now += 120_000;
    const other = await openEngine(connectionsOf(fakeConnection()), { path, now: () => now });
    const id = sent[0]?.id ?? '';
    await until(other, id, ({ status }) => status === 'unknown');
    answer({ TaskId: 'late' });
    expect(await until(other, id, ({ status }) => status === 'pending')).toMatchObject({
      cloudTaskId: 'late',
    });
    await sending;
  });
});

describe.each(engines)('a cloud that answers two submissions with one task, on $engine', ({ place }) => {
  it('leaves the second unknown, says why, and is sent nothing again', async () => {
    let sent = 0;
    const cloud = fakeConnection({
      submit: async () => {
        sent++;
        return { TaskId: 'the same' };
      },
    });
    const engine = await openEngine(connectionsOf(cloud), { path: await place() });
    const first = await engine.submit(operation, submission());
    expect(first).toMatchObject({ status: 'pending', cloudTaskId: 'the same' });
    const second = await engine.submit(operation, submission('https://example.com/b.mp3'));
    expect(second).toMatchObject({ status: 'unknown', cloudTaskId: undefined });
    expect(second.failure?.message).toContain('a task that another job follows');
    expect((await engine.get(first.id)).cloudTaskId).toBe('the same');
    expect(sent).toBe(2);
  });
});

describe.each(engines)('changes on $engine', ({ place }) => {
  it('that cannot be read for a while are delivered later, and fail nobody', async () => {
    const store = await openStore(await place(), 'one', Date.now);
    let broken = true;
    const feed = await ChangeFeed.open(
      {
        lastRevision: () => store.lastRevision(),
        changesSince: async (revision) => {
          if (broken) throw new Error('the disk is gone');
          return store.changesSince(revision);
        },
      },
      createLog('silent'),
    );
    const heard: string[] = [];
    feed.listen(({ id }) => heard.push(id));
    const { job } = await store.insert(newJob());
    await feed.pump();
    expect(heard).toEqual([]);
    broken = false;
    await feed.pump();
    expect(heard).toEqual([job.id]);
    feed.close();
  });
});
