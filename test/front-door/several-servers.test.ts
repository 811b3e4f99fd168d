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

const speed = 10;

describe('several servers on one job file', () => {
  let emulator: EmulatorProcess;
  let media: Media;
  let place: Awaited<ReturnType<typeof scratch>>;
  let sessions: Session[];

  beforeAll(async () => {
    emulator = await startEmulator(speed);
    media = await serveDemoMedia();
    place = await scratch();
    const options = { environment: emulator.environment, args: ['--data-dir', place.path] };
    sessions = await Promise.all([
      openSession('legacy', options),
      openSession('modern', options),
      openSession('legacy', options),
    ]);
  });
  afterAll(async () => {
    await Promise.all(sessions.map((session) => session.close()));
    await emulator.stop();
    await media.close();
    await place.remove();
  });
  beforeEach(() => emulator.reset());

  it('started together, submit one intent once and keep one pace: one VideoRetalk job a second', async () => {
    const input = inputs(media).video_retalk ?? {};
    const calls = sessions.flatMap((session) =>
      Array.from({ length: 4 }, (_, n) =>
        session.call('video_retalk', { ...input, idempotency_key: `key-${n}` }),
      ),
    );
    const answers = await Promise.all(calls);
    const ids = new Set(answers.map(({ structured, text }) => structured?.job_id ?? text));
    expect(ids.size).toBe(4);
    for (const id of ids) {
      let answer = await sessions[0]?.call('get_progress', { job_id: id });
      while (answer?.structured?.status === 'queued' || answer?.structured?.status === 'submitting')
        answer = await sessions[0]?.call('get_progress', { job_id: id, wait_seconds: 5 });
      // Held back by the pace, never refused by the cloud for being too fast.
      expect(['pending', 'running', 'succeeded']).toContain(answer?.structured?.status);
    }
    expect(await emulator.submissions()).toHaveLength(4);
    expect((await emulator.requests()).submit).toBe(4);
  });

  it('keep the account’s room between them, first come first served', async () => {
    const speech = { timbre_key: 'female_1', speed: 1 };
    const order: string[] = [];
    for (let n = 0; n < 6; n++) {
      const input_ssml = `Hello there. This is sentence number ${n}.`;
      const answer = await sessions[n % 3]?.call('synthesize_speech', { ...speech, input_ssml });
      order.push(answer?.structured?.job_id ?? answer?.text ?? '');
      if (n > 0)
        expect(answer?.structured).toMatchObject({ status: 'queued', eta_seconds: expect.any(Number) });
    }
    const last = await sessions[0]?.call('get_progress', { job_id: order[5] });
    expect(last?.structured?.queue_position).toBeGreaterThanOrEqual(3);
    for (const id of order) expect((await untilEnded(sessions[1] as Session, id)).status).toBe('succeeded');
    const sent = (await emulator.submissions()).map(({ request }) => JSON.stringify(request));
    expect(sent).toHaveLength(6);
    for (const [n, request] of sent.entries()) expect(request).toContain(`number ${n}.`);
    // The emulator refuses what goes beyond the room: nothing did.
    expect((await emulator.requests()).submit).toBe(6);
  });

  it('find a VideoRetalk job whose receipt was lost in the cloud’s own list', async () => {
    await emulator.fault({ call: 'submit', fault: 'accept_then_drop', operation: 'videoretalk' });
    const answer = await sessions[0]?.call('video_retalk', inputs(media).video_retalk ?? {});
    expect(answer?.structured?.status).toBe('unknown');
    const [accepted] = await emulator.submissions();
    const { structured } =
      (await sessions[1]?.call('get_progress', {
        job_id: answer?.structured?.job_id,
        wait_seconds: 45,
      })) ?? {};
    // It may even have ended in the meantime.
    expect(structured).toMatchObject({ cloud_task_id: accepted?.task_id });
    expect(structured?.failure).toBeUndefined();
    expect((await untilEnded(sessions[2] as Session, structured?.job_id ?? '')).status).toBe('succeeded');
    expect((await emulator.requests()).submit).toBe(1);
  });
});
