import { spawn } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  entry,
  type EmulatorProcess,
  inputs,
  type Media,
  scratch,
  serveDemoMedia,
  startEmulator,
} from '../harness/processes.ts';
import { openSession, type Session, untilEnded } from '../harness/sessions.ts';

describe('a server that dies', () => {
  let emulator: EmulatorProcess;
  let media: Media;
  let place: Awaited<ReturnType<typeof scratch>>;
  const open: Session[] = [];

  const start = async (era: 'legacy' | 'modern' = 'legacy') => {
    const session = await openSession(era, {
      environment: emulator.environment,
      args: ['--data-dir', place.path, '--output-dir', `${place.path}/out`],
    });
    open.push(session);
    return session;
  };

  beforeAll(async () => {
    emulator = await startEmulator(10);
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

  it('finishes the same job after kill -9 in the middle of it', async () => {
    const first = await start();
    const { structured: submitted } = await first.call(
      'submit_portrait_sing',
      inputs(media).submit_portrait_sing ?? {},
    );
    const id = submitted?.job_id ?? '';
    let status = submitted?.status;
    while (status !== 'running') {
      const { structured } = await first.call('get_progress', { job_id: id, wait_seconds: 10 });
      status = structured?.status;
    }
    process.kill(first.pid, 'SIGKILL');

    const second = await start('modern');
    const end = await untilEnded(second, id);
    expect(end).toMatchObject({ job_id: id, status: 'succeeded', cloud_task_id: submitted?.cloud_task_id });
    expect(await emulator.submissions()).toHaveLength(1);
  });

  it('takes up an unfinished job without being asked anything', async () => {
    const first = await start();
    const { structured } = await first.call('video_retalk', inputs(media).video_retalk ?? {});
    process.kill(first.pid, 'SIGKILL');
    const before = (await emulator.requests()).query ?? 0;

    await start();
    for (let looks = 0; looks < 200; looks++) {
      if (((await emulator.requests()).query ?? 0) > before) break;
      await new Promise((done) => {
        setTimeout(done, 50);
      });
    }
    expect((await emulator.requests()).query).toBeGreaterThan(before);
    expect(structured?.status).toBe('pending');
  });

  it('shows a job to a second server on the same file, with one submission in all', async () => {
    const [one, two] = [await start('legacy'), await start('modern')];
    const { structured } = await one.call('video_retalk', inputs(media).video_retalk ?? {});
    const ends = await Promise.all([
      untilEnded(one, structured?.job_id ?? ''),
      untilEnded(two, structured?.job_id ?? ''),
    ]);
    expect(ends.map(({ status }) => status)).toEqual(['succeeded', 'succeeded']);
    expect(await emulator.submissions()).toHaveLength(1);
  });

  it('ends when its standard input ends, jobs under way or not', async () => {
    const first = await start();
    await first.call('submit_portrait_sing', inputs(media).submit_portrait_sing ?? {});
    const child = spawn(process.execPath, [entry, '--data-dir', place.path, '--download', 'off'], {
      env: { ...process.env, ...emulator.environment },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const code = new Promise((done) => {
      child.once('exit', done);
    });
    child.stdin.write(
      `${JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 't', version: '1' } },
      })}\n`,
    );
    await new Promise((done) => {
      child.stdout.once('data', done);
    });
    child.stdin.end();
    expect(await code).toBe(0);
  });
});
