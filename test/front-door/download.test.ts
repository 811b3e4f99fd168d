import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type EmulatorProcess,
  inputs,
  type Media,
  scratch,
  serveDemoMedia,
  startEmulator,
} from '../harness/processes.ts';
import { type Answer, type Era, eras, openSession, type Session, untilEnded } from '../harness/sessions.ts';

const pause = (ms: number) =>
  new Promise((done) => {
    setTimeout(done, ms);
  });

describe('downloads', () => {
  let emulator: EmulatorProcess;
  let media: Media;
  let place: Awaited<ReturnType<typeof scratch>>;
  const open: Session[] = [];
  const out = () => join(place.path, 'out');

  const start = async (era: Era, ...args: string[]) => {
    const { environment } = emulator;
    const session = await openSession(era, {
      environment,
      args: ['--data-dir', place.path, '--output-dir', out(), ...args],
    });
    open.push(session);
    return session;
  };
  const stop = (session: Session) => open.splice(open.indexOf(session), 1)[0]?.close();
  const look = async (session: Session, jobId = '') => {
    const { structured, text } = await session.call('get_progress', { job_id: jobId });
    if (!structured) throw new Error(text);
    return structured;
  };
  const until = async (
    session: Session,
    jobId: string | undefined,
    reached: (job: NonNullable<Answer['structured']>) => boolean,
  ) => {
    for (let looks = 0; looks < 600; looks++) {
      const job = await look(session, jobId);
      if (reached(job)) return job;
      await pause(50);
    }
    throw new Error(`not reached: ${JSON.stringify(await look(session, jobId))}`);
  };
  const stored = (job: NonNullable<Answer['structured']>) =>
    (job.outputs ?? []).length > 0 && (job.outputs ?? []).every(({ local_path: path }) => path);
  const speak = (session: Session) =>
    session.call('synthesize_speech', inputs(media).synthesize_speech ?? {}).then(({ structured, text }) => {
      if (!structured?.job_id) throw new Error(text);
      return structured.job_id;
    });
  const digest = async (path = '') =>
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  const results = async () => (await emulator.requests()).result ?? 0;

  beforeAll(async () => {
    emulator = await startEmulator(100);
    media = await serveDemoMedia();
  });
  afterAll(async () => {
    await emulator.stop();
    await media.close();
  });
  beforeEach(async () => {
    await emulator.reset();
    place = await scratch();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((session) => session.close()));
    await place.remove();
  });

  it.each(eras)('bring a result home without being asked, and push it to a %s subscriber', async (era) => {
    const session = await start(era);
    const { structured } = await session.call('make_video', inputs(media).make_video ?? {});
    const uri = `digital-human://jobs/${structured?.job_id}`;
    const read = async () => JSON.parse(await session.read(uri)) as NonNullable<Answer['structured']>;
    const home = new Promise<NonNullable<Answer['structured']>>((done) => {
      const check = async () => {
        const job = await read();
        if (stored(job)) done(job);
      };
      void session.subscribe([uri], () => void check()).then(check);
    });
    const job = await home;
    expect(job).toMatchObject({ status: 'succeeded', next: expect.stringContaining('local_path') });
    expect(job.outputs?.map(({ kind }) => kind)).toEqual(['video', 'subtitles']);
    for (const { local_path: path, sha256, size_bytes: bytes } of job.outputs ?? []) {
      expect(dirname(path ?? '')).toBe(out());
      expect(await digest(path)).toBe(sha256);
      expect((await readFile(path ?? '')).length).toBe(bytes);
    }
    expect(await readdir(out())).toHaveLength(2);
    expect(await results()).toBe(2);
    const again = await session.call('download_result', { job_id: job.job_id });
    expect(again.structured?.outputs).toEqual(job.outputs);
    expect(await results()).toBe(2);
    expect(job.warnings).toBeUndefined();
  });

  it('are made after a restart for a job that ended while no server ran', async () => {
    const first = await start('legacy', '--download', 'off');
    const id = await speak(first);
    expect((await untilEnded(first, id)).status).toBe('succeeded');
    await stop(first);
    expect(await results()).toBe(0);
    const second = await start('modern');
    expect((await until(second, id, stored)).outputs?.[0]?.sha256).toBe(
      await digest((await look(second, id)).outputs?.[0]?.local_path),
    );
    expect(await results()).toBe(1);
  });

  it('are left alone when switched off, until asked for', async () => {
    const session = await start('modern', '--download', 'off');
    const id = await speak(session);
    const end = await untilEnded(session, id);
    expect(end.next).toMatch(/^Done\. Call download_result before /);
    await pause(1500);
    expect(await results()).toBe(0);
    const { structured } = await session.call('download_result', { job_id: id });
    expect(stored(structured ?? { next: '' })).toBe(true);
    expect(await results()).toBe(1);
  });

  it('by two servers on one job file end as one recorded path and one sound file', async () => {
    const [one, two] = [await start('legacy'), await start('modern')];
    const ids = await Promise.all([speak(one), speak(two), speak(one)]);
    await Promise.all(ids.map((id) => look(two, id)));
    const paths = new Set<string>();
    for (const id of ids) {
      const [here, there] = [await until(one, id, stored), await until(two, id, stored)];
      expect(here.outputs).toEqual(there.outputs);
      expect(await digest(here.outputs?.[0]?.local_path)).toBe(here.outputs?.[0]?.sha256);
      paths.add(here.outputs?.[0]?.local_path ?? '');
    }
    expect(paths.size).toBe(3);
    await Promise.all([stop(one), stop(two)]);
    expect(await readdir(out())).toHaveLength(3);
  });

  it('go on after a cut where they broke off, and tell a waiting caller so', async () => {
    await emulator.fault({ call: 'result', fault: 'cut', where: 'mid_body' });
    const session = await start('legacy', '--download', 'off');
    const id = await speak(session);
    await untilEnded(session, id);
    const messages: string[] = [];
    const { structured, text } = await session.call('download_result', { job_id: id }, ({ message }) =>
      messages.push(message ?? ''),
    );
    expect(stored(structured ?? { next: '' }), text).toBe(true);
    expect(await results()).toBe(2);
    expect(messages.length).toBeGreaterThan(0);
    expect(await digest(structured?.outputs?.[0]?.local_path)).toBe(structured?.outputs?.[0]?.sha256);
  });

  it('that fail are a warning, never a failed job, and can be asked for again', async () => {
    await emulator.fault({ call: 'result', fault: 'expire_results', times: 2 });
    const session = await start('modern');
    const id = await speak(session);
    const failed = await until(session, id, ({ warnings }) => warnings !== undefined);
    expect(failed).toMatchObject({
      status: 'succeeded',
      next: expect.stringContaining('download_result again'),
    });
    expect(failed.warnings).toEqual([
      expect.stringMatching(/download failed: .*HTTP 403.*answers for the task/),
    ]);
    expect(failed.failure).toBeUndefined();
    expect(await results()).toBe(2);
    const { structured } = await session.call('download_result', { job_id: id });
    expect(stored(structured ?? { next: '' })).toBe(true);
    expect(structured?.warnings).toBeUndefined();
    expect(session.errors()).toContain('a download failed');
    expect(session.errors()).not.toMatch(/Expires=\d/);
  });

  it('ask the cloud once for a fresh link when the first has died', async () => {
    const session = await start('legacy', '--download', 'off');
    const id = await speak(session);
    await untilEnded(session, id);
    const before = (await emulator.requests()).query ?? 0;
    await emulator.fault({ call: 'result', fault: 'expire_results' });
    const { structured, text } = await session.call('download_result', { job_id: id });
    expect(stored(structured ?? { next: '' }), text).toBe(true);
    expect((await emulator.requests()).query).toBe(before + 1);
    expect(await results()).toBe(2);
  });

  it('go to the data directory, and say why, when the chosen one cannot be written', async () => {
    await writeFile(out(), 'a file where a directory should be');
    const session = await start('modern');
    const id = await speak(session);
    const job = await until(session, id, stored);
    expect(dirname(job.outputs?.[0]?.local_path ?? '')).toBe(join(place.path, 'results'));
    expect(job.warnings).toEqual([
      expect.stringMatching(/results, because ".*out" cannot be written \(E\w+\)/),
    ]);
    expect(await digest(job.outputs?.[0]?.local_path)).toBe(job.outputs?.[0]?.sha256);
    // The reason is stored with the job: another server tells it too.
    await stop(session);
    expect((await look(await start('legacy'), id)).warnings).toEqual(job.warnings);
  });

  it.skipIf(process.getuid?.() === 0)('go there too when the directory is read-only', async () => {
    await mkdir(out());
    await chmod(out(), 0o500);
    const session = await start('modern');
    const job = await until(session, await speak(session), stored);
    expect(dirname(job.outputs?.[0]?.local_path ?? '')).toBe(join(place.path, 'results'));
  });

  it('do not bring back by themselves what was taken away, but do when asked', async () => {
    const session = await start('legacy');
    const id = await speak(session);
    const path = (await until(session, id, stored)).outputs?.[0]?.local_path ?? '';
    await stop(session);
    await rm(path);
    const next = await start('modern');
    await look(next, id);
    await pause(1000);
    expect(await readdir(out())).toEqual([]);
    expect(await results()).toBe(1);
    const { structured } = await next.call('download_result', { job_id: id });
    expect(structured?.outputs?.[0]?.local_path).toBe(path);
    expect(await digest(path)).toBe(structured?.outputs?.[0]?.sha256);
  });

  it('are refused for a job that has no result', async () => {
    const session = await start('legacy');
    await emulator.fault({ call: 'submit', fault: 'fail_task', code: '802001' });
    const id = await speak(session);
    await untilEnded(session, id);
    const { isError, text } = await session.call('download_result', { job_id: id });
    expect(isError).toBe(true);
    expect(text).toContain('nothing to download');
  });
});
