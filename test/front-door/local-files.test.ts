import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import S3rver from 's3rver';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type EmulatorProcess, scratch, startEmulator } from '../harness/processes.ts';
import { openSession, type Session, untilEnded } from '../harness/sessions.ts';
import { h264, Materials, picture, tone } from '../media/materials.ts';

type Input = Record<string, unknown>;

describe('files of this machine', () => {
  let emulator: EmulatorProcess;
  let materials: Materials;
  let place: Awaited<ReturnType<typeof scratch>>;
  let store: S3rver;
  let plain: Session;
  let stored: Session;
  const sessions: Session[] = [];
  let portrait: string;
  let line: string;
  let clip: string;

  beforeAll(async () => {
    [emulator, materials, place] = await Promise.all([startEmulator(60), Materials.open(), scratch()]);
    portrait = await materials.make('my portrait.png', ...picture('400x400', 1), '-frames:v', '1');
    line = await materials.make('line.mp3', ...tone(4));
    clip = await materials.make('clip.mp4', ...picture('640x640', 3), ...tone(3), ...h264);
    store = new S3rver({
      address: '127.0.0.1',
      port: 0,
      silent: true,
      directory: join(place.path, 'store'),
      configureBuckets: [{ name: 'media' }],
    });
    const { port } = await store.run();
    const open = async (name: string, environment: Record<string, string> = {}) => {
      const session = await openSession('modern', {
        environment: { ...emulator.environment, DIGITAL_HUMAN_MEDIA_DIRS: materials.folder, ...environment },
        args: ['--data-dir', join(place.path, name), '--output-dir', join(place.path, 'results')],
      });
      sessions.push(session);
      return session;
    };
    plain = await open('plain');
    stored = await open('stored', {
      DIGITAL_HUMAN_S3_ENDPOINT: `http://127.0.0.1:${port}`,
      DIGITAL_HUMAN_S3_REGION: 'us-east-1',
      DIGITAL_HUMAN_S3_BUCKET: 'media',
      DIGITAL_HUMAN_S3_ACCESS_KEY_ID: 'S3RVER',
      DIGITAL_HUMAN_S3_SECRET_ACCESS_KEY: 'S3RVER',
      DIGITAL_HUMAN_S3_ADDRESSING: 'path',
    });
  });
  afterAll(async () => {
    await Promise.all(sessions.map((session) => session.close()));
    await emulator.stop();
    await store.close();
    await materials.close();
    await place.remove();
  });
  beforeEach(() => emulator.reset());

  const talking = (): Input => ({
    ref_photo_url: portrait,
    driver_type: 'OriginalVoice',
    input_audio_url: pathToFileURL(line).href,
  });

  async function accepted(session: Session, tool: string, input: Input): Promise<Input> {
    const { structured, text } = await session.call(tool, input);
    expect(structured?.job_id, text).toMatch(/^job_/);
    const end = await untilEnded(session, structured?.job_id ?? '');
    expect(end.status, JSON.stringify(end)).toBe('succeeded');
    const submissions = await emulator.submissions();
    expect(submissions).toHaveLength(1);
    const request = submissions[0]?.request as Input;
    return (request.Payload ?? request) as Input;
  }

  it('travel inside the request to VCLM', async () => {
    const request = await accepted(plain, 'submit_image_animate', {
      image_url: await materials.make('person.png', ...picture('400x600', 1), '-frames:v', '1'),
    });
    expect(request.ImageUrl).toBeUndefined();
    expect(Buffer.from(String(request.ImageBase64), 'base64').subarray(1, 4).toString()).toBe('PNG');
  });

  it('go to the temporary store of DashScope, once each', async () => {
    const input = { video_url: clip, audio_url: line };
    const { input: sent } = (await accepted(plain, 'video_retalk', input)) as { input: Input };
    expect(sent.video_url).toMatch(/^oss:\/\//);
    expect(sent.audio_url).toMatch(/^oss:\/\//);
    expect((await emulator.requests()).upload).toBe(2);
    const { structured } = await plain.call('video_retalk', { ...input, video_extension: true });
    expect(structured?.job_id).toMatch(/^job_/);
    expect((await emulator.requests()).upload).toBe(2);
  });

  it('go to the configured bucket for everything else', async () => {
    const request = await accepted(stored, 'photo_to_video', talking());
    expect(request.RefPhotoUrl).toMatch(
      /^http:\/\/127\.0\.0\.1:\d+\/media\/digital-human\/[0-9a-f]{64}\.png\?/,
    );
    expect(request.InputAudioUrl).toMatch(/[0-9a-f]{64}\.mp3\?/);
    const text = JSON.stringify(request);
    expect(text).not.toContain('my portrait');
  });

  it('are refused with three ways out where no bucket is configured', async () => {
    const refused = await plain.call('photo_to_video', talking());
    expect(refused.isError).toBe(true);
    for (const way of ['Three ways out', 'public http', 'DIGITAL_HUMAN_S3_ENDPOINT', 'video_retalk'])
      expect(refused.text).toContain(way);
    expect((await emulator.requests()).submit ?? 0).toBe(0);
    const dry = await plain.call('photo_to_video', { ...talking(), dry_run: true });
    expect(dry.structured?.estimate).toMatchObject({ billed_seconds: expect.closeTo(4, 0) });
  });

  it('stand for one input as long as their content is the same', async () => {
    const copy = await materials.rename('copy.png', 'my portrait.png');
    const input = { ...talking(), ref_photo_url: copy, idempotency_key: 'one portrait' };
    const first = await stored.call('photo_to_video', input);
    const same = await stored.call('photo_to_video', { ...input, ref_photo_url: portrait });
    expect(same.structured?.job_id, same.text).toBe(first.structured?.job_id);
    await materials.make('copy.png', ...picture('500x500', 1), '-frames:v', '1', '-y');
    const changed = await stored.call('photo_to_video', input);
    expect(changed.isError, stored.errors()).toBe(true);
    expect(changed.text, stored.errors()).toContain('conflict');
    expect(await emulator.submissions()).toHaveLength(1);
  });

  it('receive results: "auto" writes them to the bucket, and says where', async () => {
    const spoken = {
      virtualman_key: 'k3dda2d3b56f4ec89778f2e032c2e294',
      input_ssml: 'Hello there.',
      speech_param: { speed: 1 },
      video_param: { format: 'Mp4' },
      video_storage_s3_url: 'auto',
      subtitle_storage_s3_url: 'auto',
    };
    const refused = await plain.call('make_video', spoken);
    expect(refused.isError).toBe(true);
    expect(refused.text).toContain('video_storage_s3_url is "auto", but no bucket is configured');
    const { structured, text } = await stored.call('make_video', spoken);
    const end = await untilEnded(stored, structured?.job_id ?? '');
    expect(end.status, text).toBe('succeeded');
    const places = (end.warnings ?? []).filter((line) => line.includes('your bucket'));
    expect(places).toHaveLength(2);
    const kinds: string[] = [];
    for (const line of places) {
      const reply = await fetch(/https?:\S+$/.exec(line)?.[0] ?? '');
      expect(reply.status, line).toBe(200);
      kinds.push(
        Buffer.from(await reply.arrayBuffer())
          .subarray(0, 12)
          .toString('latin1'),
      );
    }
    expect(kinds[0]).toContain('ftyp');
    expect(kinds[1]).toMatch(/^1\r?\n/);
  });

  it('are refused when they are no media, hidden, elsewhere, or missing, and nothing is sent anywhere', async () => {
    const key = await materials.write('key.jpg', '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n');
    await mkdir(materials.path('.ssh'), { recursive: true });
    await writeFile(materials.path('.ssh/id.jpg'), 'x');
    const outside = join(place.path, 'outside.png');
    await writeFile(outside, 'x');
    await symlink(outside, materials.path('link.png'));
    const attacks = [
      key,
      materials.path('.ssh/id.jpg'),
      `${materials.folder}/../../etc/passwd`,
      '/etc/passwd',
      pathToFileURL('/etc/passwd').href,
      outside,
      materials.path('link.png'),
      materials.path('missing.png'),
      materials.folder,
      'file://elsewhere/share/a.png',
      '/dev/zero',
    ];
    let refusals = 0;
    for (const session of [plain, stored])
      for (const attack of attacks) {
        const tries: Array<readonly [string, Input]> = [
          ['photo_to_video', { ...talking(), ref_photo_url: attack }],
          ['video_retalk', { video_url: clip, audio_url: line, ref_image_url: attack }],
          ['check_media', { url: attack }],
        ];
        for (const [tool, input] of tries) {
          const { isError, text } = await session.call(tool, input);
          expect(isError, `${tool} ${attack}: ${text}`).toBe(true);
          expect(text).not.toContain('b3BlbnNz');
          refusals += 1;
        }
      }
    expect(refusals).toBe(66);
    const { submit = 0, upload = 0 } = await emulator.requests();
    expect([submit, upload]).toEqual([0, 0]);
  });
});
