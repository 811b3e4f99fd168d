import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type EmulatorProcess,
  inputs,
  type Media,
  scratch,
  serveDemoMedia,
  startEmulator,
} from '../harness/processes.ts';
import { openSession, type Session, untilEnded } from '../harness/sessions.ts';

describe('an account of the international IVH site', () => {
  let emulator: EmulatorProcess;
  let media: Media;
  let session: Session;
  let place: Awaited<ReturnType<typeof scratch>>;

  beforeAll(async () => {
    emulator = await startEmulator(100, ['--site', 'intl']);
    media = await serveDemoMedia();
    place = await scratch();
    session = await openSession('modern', {
      environment: { ...emulator.environment, IVH_SITE: 'intl' },
      args: ['--data-dir', place.path],
    });
  });
  afterAll(async () => {
    await session.close();
    await emulator.stop();
    await media.close();
    await place.remove();
  });

  it('takes that page’s fields and makes the video', async () => {
    const { structured, text } = await session.call('photo_to_video', {
      ...inputs(media).photo_to_video,
      concurrency_type: 'Shared',
      video_param: { emotion_level: 3 },
    });
    const end = await untilEnded(session, structured?.job_id ?? text);
    expect(end.status).toBe('succeeded');
    const [submission] = await emulator.submissions();
    expect(submission?.request).toMatchObject({ ConcurrencyType: 'Shared', VideoParam: { EmotionLevel: 3 } });
  });

  it('refuses what only the domestic page has', async () => {
    const { isError, text } = await session.call('photo_to_video', {
      ...inputs(media).photo_to_video,
      video_param: { prompt: 'smile' },
    });
    expect(isError).toBe(true);
    expect(text).toContain('video_param.prompt');
    expect(await emulator.submissions()).toHaveLength(1);
  });

  it('documents that page', async () => {
    const page = await session.read('digital-human://operations/photo_to_video');
    expect(page).toContain('2025-10-10');
    expect(page).toContain('at most 20 MB');
  });
});
