import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type EmulatorProcess,
  inputs,
  type Media,
  scratch,
  serveDemoMedia,
  startEmulator,
} from '../harness/processes.ts';
import { openSession, type Session, untilEnded } from '../harness/sessions.ts';

describe('tasks from elsewhere, and jobs that are no longer wanted', () => {
  let emulator: EmulatorProcess;
  let media: Media;
  let place: Awaited<ReturnType<typeof scratch>>;
  let session: Session;
  let elsewhere: Session;

  beforeAll(async () => {
    emulator = await startEmulator(20);
    media = await serveDemoMedia();
    place = await scratch();
    const { environment } = emulator;
    session = await openSession('legacy', {
      environment,
      args: ['--data-dir', `${place.path}/here`, '--download', 'off'],
    });
    elsewhere = await openSession('modern', {
      environment,
      args: ['--data-dir', `${place.path}/there`, '--download', 'off'],
    });
  });
  afterAll(async () => {
    await session.close();
    await elsewhere.close();
    await emulator.stop();
    await media.close();
    await place.remove();
  });
  beforeEach(() => emulator.reset());

  /** Asks the cloud itself: the server asks when it expects an end, and may never see a short job run. */
  const untilDashscopeRuns = async (task: string) => {
    const headers = { authorization: `Bearer ${emulator.environment.DASHSCOPE_API_KEY}` };
    for (let status = ''; status !== 'RUNNING'; ) {
      const reply = await fetch(`${emulator.environment.DIGITAL_HUMAN_DASHSCOPE_URL}/tasks/${task}`, {
        headers,
      });
      status = ((await reply.json()) as { output?: { task_status: string } }).output?.task_status ?? '';
      expect(status).not.toBe('SUCCEEDED');
    }
  };

  it.each(['submit_portrait_sing', 'photo_to_video', 'video_retalk'])(
    'follows a %s task that another machine submitted, once only',
    async (tool) => {
      const { structured: theirs } = await elsewhere.call(tool, inputs(media)[tool] ?? {});
      const task = { cloud_task_id: theirs?.cloud_task_id, tool };
      const { structured: ours, text } = await session.call('get_progress', task);
      expect(ours, text).toMatchObject({ tool, cloud_task_id: theirs?.cloud_task_id });
      expect(ours?.job_id).not.toBe(theirs?.job_id);
      const { structured: again } = await session.call('get_progress', task);
      expect(again?.job_id).toBe(ours?.job_id);
      expect((await untilEnded(session, ours?.job_id ?? '')).status).toBe('succeeded');
      expect(await emulator.submissions()).toHaveLength(1);
    },
  );

  it.each([
    ['submit_portrait_sing', '1199964964965990400'],
    ['photo_to_video', '81883d47c6154edf8e276531f09227b6'],
    ['video_retalk', 'a8532587-fa8c-4ef8-82be-0c46b17950d1'],
  ])('does not store a %s task that the cloud does not know', async (tool, task) => {
    const before = await session.call('list_jobs', { limit: 100 });
    const { isError, text } = await session.call('get_progress', { tool, cloud_task_id: task });
    expect(isError).toBe(true);
    expect(text).toContain('not_found');
    expect((await session.call('list_jobs', { limit: 100 })).structured).toEqual(before.structured);
  });

  it('refuses an unknown tool, and a task for a job that has one', async () => {
    const stranger = await session.call('get_progress', { tool: 'make_coffee', cloud_task_id: 'x' });
    expect(stranger.text).toContain('make_coffee');
    const { structured } = await session.call('video_retalk', inputs(media).video_retalk ?? {});
    const settled = await session.call('get_progress', {
      job_id: structured?.job_id,
      cloud_task_id: 'other',
    });
    expect(settled.isError).toBe(true);
    expect(settled.text).toContain('unknown outcome');
  });

  it('settles a job of unknown outcome with the task that it became', async () => {
    await emulator.fault({ call: 'submit', fault: 'accept_then_drop' });
    const { structured: lost } = await session.call('photo_to_video', inputs(media).photo_to_video ?? {});
    expect(lost?.status).toBe('unknown');
    const [accepted] = await emulator.submissions();
    const { structured } = await session.call('get_progress', {
      job_id: lost?.job_id,
      cloud_task_id: accepted?.task_id,
    });
    expect(structured).toMatchObject({ job_id: lost?.job_id, cloud_task_id: accepted?.task_id });
    expect((await untilEnded(session, lost?.job_id ?? '')).status).toBe('succeeded');
    expect((await emulator.requests()).submit).toBe(1);
  });

  it('cancels a job that is held here, and it is never sent', async () => {
    await emulator.fault({ call: 'submit', fault: 'refuse', code: '100008', times: 1000 });
    const { structured } = await session.call('photo_to_video', inputs(media).photo_to_video ?? {});
    expect(structured?.status).toBe('queued');
    let cancelled = await session.call('cancel_job', { job_id: structured?.job_id });
    while (cancelled.isError) cancelled = await session.call('cancel_job', { job_id: structured?.job_id });
    expect(cancelled.structured?.status).toBe('cancelled');
    const sent = (await emulator.requests()).submit;
    await session.call('get_progress', { job_id: structured?.job_id, wait_seconds: 1 });
    expect((await emulator.requests()).submit).toBe(sent);
    expect(await emulator.submissions()).toHaveLength(0);
  });

  it('asks DashScope to cancel what it has not started, and reports what it will not', async () => {
    const first = await session.call('video_retalk', inputs(media).video_retalk ?? {});
    const second = await session.call('video_retalk', inputs(media).video_retalk ?? {});
    let waiting = second.structured;
    while (waiting?.status === 'queued' || waiting?.status === 'submitting')
      waiting = (await session.call('get_progress', { job_id: waiting.job_id, wait_seconds: 5 })).structured;
    const cancelled = await session.call('cancel_job', { job_id: waiting?.job_id });
    expect(cancelled.structured?.status, cancelled.text).toBe('cancelled');
    const running = first.structured;
    await untilDashscopeRuns(running?.cloud_task_id ?? '');
    const refused = await session.call('cancel_job', { job_id: running?.job_id });
    expect(refused.isError).toBe(true);
    expect(refused.text).toContain('UnsupportedOperation');
    expect((await untilEnded(session, running?.job_id ?? '')).status).toBe('succeeded');
  });

  it.each(['submit_portrait_sing', 'photo_to_video'])(
    'says plainly that %s cannot be cancelled',
    async (tool) => {
      const { structured } = await session.call(tool, inputs(media)[tool] ?? {});
      const { isError, text } = await session.call('cancel_job', { job_id: structured?.job_id });
      expect(isError).toBe(true);
      expect(text).toContain('unsupported');
      expect(text).toContain('no way to cancel');
      expect((await untilEnded(session, structured?.job_id ?? '')).status).toBe('succeeded');
    },
  );
});
