import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../../src/clouds/index.ts';
import type { ErrorTable } from '../../src/core/failure.ts';
import {
  type EmulatorProcess,
  inputs,
  type Media,
  root,
  scratch,
  serveDemoMedia,
  startEmulator,
} from '../harness/processes.ts';
import { openSession, type Session, untilEnded } from '../harness/sessions.ts';

const { lists } = JSON.parse(readFileSync(join(root, 'test/fixtures/error-codes.json'), 'utf8')) as {
  lists: Record<string, { codes: string[] }>;
};

/** Which dictionary reaches an agent through which tool: as the answer to a call, or as the end of a task. */
const dictionaries = [
  ['vclm_submit_portrait_sing', 'submit_portrait_sing', 'call'],
  ['vclm_submit_image_animate', 'submit_image_animate', 'call'],
  ['tencent_common', 'submit_portrait_sing', 'call'],
  ['ivh_call', 'photo_to_video', 'call'],
  ['ivh_task', 'photo_to_video', 'task'],
  ['dashscope_video_retalk', 'video_retalk', 'call'],
  ['dashscope_common', 'video_retalk', 'call'],
] as const;

const cases = dictionaries.flatMap(([list, tool, place]) =>
  (lists[list]?.codes ?? []).map((code) => ({ list, tool, place, code: String(code) })),
);

function ruleOf(tool: string, place: 'call' | 'task', code: string) {
  const table: ErrorTable = operations.find(({ name }) => name === tool)?.wire.errors[place] ?? {};
  const found = table[code];
  if (!found) throw new Error(`${tool} has no row for ${code}`);
  return found;
}

describe('every code of the vendors’ dictionaries', () => {
  let emulator: EmulatorProcess;
  let media: Media;
  /** A slow server keeps jobs held long enough to be looked at; a hasty one sees tasks end at once. */
  let sessions: Readonly<Record<'call' | 'task', Session>>;
  let place: Awaited<ReturnType<typeof scratch>>;

  beforeAll(async () => {
    emulator = await startEmulator(1000);
    media = await serveDemoMedia();
    place = await scratch();
    const open = (speed: string) =>
      openSession('legacy', {
        environment: {
          ...emulator.environment,
          DIGITAL_HUMAN_SANDBOX_SPEED: speed,
          DIGITAL_HUMAN_LOG_LEVEL: 'error',
        },
        args: ['--data-dir', join(place.path, speed)],
      });
    sessions = { call: await open('5'), task: await open('1000') };
  });
  afterAll(async () => {
    await Promise.all(Object.values(sessions).map((session) => session.close()));
    await emulator.stop();
    await media.close();
    await place.remove();
  });

  it('are as many as the pages list', () => {
    expect(cases).toHaveLength(162);
  });

  it.each(cases)(
    '$list $code reaches the agent with its kind and advice',
    async ({ tool, place: at, code }) => {
      const { kind, advice, retry } = ruleOf(tool, at, code);
      const session = sessions[at];
      await emulator.reset();
      await emulator.fault({
        call: 'submit',
        fault: at === 'call' ? 'refuse' : 'fail_task',
        code,
        message: 'In their words.',
        times: 1000,
      });
      const { structured, text } = await session.call(tool, inputs(media)[tool] ?? {});
      const held = at === 'call' && (kind === 'capacity' || kind === 'throttled');
      let job = at === 'call' ? structured : await untilEnded(session, structured?.job_id ?? text);
      // VideoRetalk takes one submission a second: the job may be held here before it is sent.
      while (job && !job.failure)
        job = (await session.call('get_progress', { job_id: job.job_id, wait_seconds: 5 })).structured;
      expect(job?.failure, text).toMatchObject({ kind, code, advice, retryable: retry });
      expect(job?.failure?.message).toContain('"In their words."');
      if (!held) {
        expect(job?.status).toBe('failed');
        return;
      }
      // Held here and tried again now and then, so it may be on its way at this very moment.
      expect(job?.status).toMatch(/^(queued|submitting)$/);
      let cancelled = await session.call('cancel_job', { job_id: job?.job_id });
      while (cancelled.isError) cancelled = await session.call('cancel_job', { job_id: job?.job_id });
      expect(cancelled.structured?.status).toBe('cancelled');
      expect(await emulator.submissions()).toHaveLength(0);
    },
  );
});
