import { createReadStream } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asked, type Loopback, loopback, ranged, wholly } from '../media/loopback.ts';
import { h264, Materials, picture, tone } from '../media/materials.ts';
import { pdf } from '../media/documents.ts';
import { type EmulatorProcess, scratch, startEmulator } from '../harness/processes.ts';
import { openSession, type Session } from '../harness/sessions.ts';

type Input = Record<string, unknown>;

/** Material by the last part of its address, with counts of what was asked for and sent. */
interface Files extends Loopback {
  readonly sent: () => number;
}

async function serve(materials: Materials): Promise<Files> {
  let sent = 0;
  const server = await loopback(async (request, response) => {
    const [, way = '', name = ''] = (request.url ?? '').split('/');
    response.on('close', () => {
      sent += response.socket?.bytesWritten ?? 0;
    });
    if (way === 'gone') return void response.writeHead(404).end('not here');
    if (way === 'login') return void response.end('<html><body>Please sign in</body></html>');
    if (way === 'whole') return wholly(materials.path(name))(request, response);
    return ranged(materials.path(name))(request, response);
  });
  return { ...server, sent: () => sent };
}

const photo = (server: Files, audio: string): Input => ({
  ref_photo_url: `${server.url}r/portrait.png`,
  driver_type: 'OriginalVoice',
  input_audio_url: `${server.url}r/${audio}`,
});

describe('files are judged before money is spent', () => {
  let emulator: EmulatorProcess;
  let materials: Materials;
  let server: Files;
  let place: Awaited<ReturnType<typeof scratch>>;
  const sessions: Session[] = [];
  let session: Session;
  let strict: Session;
  let careless: Session;

  beforeAll(async () => {
    [emulator, materials, place] = await Promise.all([startEmulator(60), Materials.open(), scratch()]);
    await materials.make('portrait.png', ...picture('400x400', 1), '-frames:v', '1');
    await materials.make('line.mp3', ...tone(4));
    await materials.make('long.mp3', ...tone(400));
    await materials.make('hour.m4a', '-f', 'lavfi', '-i', 'sine=sample_rate=8000:duration=1900');
    await materials.make('clip.mp4', ...picture('640x640', 5), ...tone(5), ...h264);
    await materials.make('other.mp4', ...picture('320x180', 2), ...tone(2), ...h264);
    await materials.stretch('late.mp4', 'clip.mp4', 60 * 1024 * 1024);
    await materials.write('slides.pdf', pdf(3));
    server = await serve(materials);
    const open = async (environment: Record<string, string>, name: string) => {
      const opened = await openSession('legacy', {
        environment: { ...emulator.environment, ...environment },
        args: ['--data-dir', `${place.path}/${name}`],
      });
      sessions.push(opened);
      return opened;
    };
    session = await open({}, 'usual');
    strict = await open({ DIGITAL_HUMAN_ALLOW_PRIVATE_ADDRESSES: 'off' }, 'strict');
    careless = await open({ DIGITAL_HUMAN_PREFLIGHT: 'off' }, 'careless');
  });
  afterAll(async () => {
    await Promise.all(sessions.map((each) => each.close()));
    await emulator.stop();
    await server.close();
    await materials.close();
    await place.remove();
  });

  const refusals = async () => (await emulator.requests()).submit ?? 0;

  it('reads at most 1 MB in at most 4 requests of a 60 MB clip with its index at the end', async () => {
    const before = { requests: server.ranges.length };
    const { structured, text } = await session.call('check_media', { url: `${server.url}r/late.mp4` });
    expect(structured, text).toMatchObject({
      media: { format: 'mp4', width: 640, seconds: expect.closeTo(5, 1) },
    });
    const requests = server.ranges.slice(before.requests);
    expect(requests.length).toBeLessThanOrEqual(4);
    const bytes = requests.map((range) => {
      const { start, end } = asked({ headers: { range } } as never, 10 ** 9);
      return end - start + 1;
    });
    expect(bytes.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(1024 * 1024);
  });

  it('opens a file that it knows once more only, to see whether it has changed', async () => {
    const input = { ...photo(server, 'line.mp3'), dry_run: true };
    await session.call('photo_to_video', input);
    const before = server.ranges.length;
    const again = await session.call('photo_to_video', input);
    expect(again.structured?.valid, again.text).toBe(true);
    expect(server.ranges.length - before).toBe(2);
  });

  it('says what a submission will cost, before it and with its receipt', async () => {
    const input = photo(server, 'line.mp3');
    const dry = await session.call('photo_to_video', { ...input, dry_run: true });
    expect(dry.structured?.estimate).toMatchObject({
      billed_seconds: expect.closeTo(4, 0),
      wait_seconds: expect.any(Number),
      basis: expect.stringContaining('length of the recording'),
    });
    const made = await session.call('photo_to_video', input);
    expect(made.structured?.estimate).toEqual(dry.structured?.estimate);
    expect(made.text).toContain('Estimate: about 4');
    const later = await session.call('get_progress', { job_id: made.structured?.job_id });
    expect(later.structured?.estimate).toBeUndefined();
    const spoken = await session.call('synthesize_speech', {
      input_ssml: 'Hello there. <break time="2s"/>How are you today?',
      timbre_key: 'female_1',
      speed: 1,
      dry_run: true,
    });
    expect(spoken.structured?.estimate).toMatchObject({
      billed_seconds: 4.4,
      basis: expect.stringContaining('characters at speed 1'),
    });
    const dance = await session.call('submit_image_animate', {
      image_url: `${server.url}r/portrait.png`,
      dry_run: true,
    });
    expect(dance.structured?.estimate).toMatchObject({ basis: expect.stringContaining('not documented') });
    expect(dance.structured?.estimate).not.toHaveProperty('billed_seconds');
  });

  const mov = {
    virtualman_key: 'k3dda2d3b56f4ec89778f2e032c2e294',
    driver_type: 'OriginalVoice',
    speech_param: { speed: 1 },
  };
  const across: ReadonlyArray<
    readonly [what: string, tool: string, input: (at: string) => Input, said: readonly string[]]
  > = [
    [
      'six minutes of TransparentMov',
      'make_video',
      (at) => ({ ...mov, input_audio_url: `${at}r/long.mp3`, video_param: { format: 'TransparentMov' } }),
      ['input_audio_url: "400 s" is above the 360 s', 'ffmpeg'],
    ],
    [
      'six minutes, edited',
      'make_video_advanced',
      (at) => ({ ...mov, input_audio_url: `${at}r/long.mp3`, video_param: { format: 'TransparentMov' } }),
      ['"400 s" is above the 360 s'],
    ],
    [
      'an action after the end',
      'make_video_advanced',
      (at) => ({
        ...mov,
        input_audio_url: `${at}r/line.mp3`,
        video_param: {
          action_params: [
            { code: 'a', start_time: 100 },
            { code: 'a', start_time: 9000 },
          ],
        },
      }),
      ['video_param.action_params.1.start_time', '9000 ms'],
    ],
    [
      'clips of two sizes',
      'make_video_advanced',
      (at) => ({
        ...mov,
        input_audio_url: `${at}r/line.mp3`,
        video_param: { video_head_file_url: `${at}r/clip.mp4`, video_tail_file_url: `${at}r/other.mp4` },
      }),
      ['video_param.video_tail_file_url: "320x180"', '640x640'],
    ],
    [
      'more pages than slides',
      'make_ppt_video',
      (at) => ({
        ppt_file_url: `${at}r/slides.pdf`,
        page_configs: Array.from({ length: 4 }, () => ({
          input_ssml: 'Hello.',
          speech_param: { timbre_key: 'female_1' },
        })),
      }),
      ['page_configs: "4 entries"', '3 slides'],
    ],
    [
      'half an hour without an avatar',
      'make_ppt_video',
      (at) => ({
        ppt_file_url: `${at}r/slides.pdf`,
        page_configs: [{ driver_type: 'OriginalVoice', input_audio_url: `${at}r/hour.m4a` }],
      }),
      ['page_configs.0.input_audio_url: "1900', '1800 s'],
    ],
    [
      'lips left alone after the end',
      'video_to_video',
      (at) => ({
        ref_video_url: `${at}r/clip.mp4`,
        driver_type: 'OriginalVoice',
        input_audio_url: `${at}r/line.mp3`,
        video_param: {
          disable_intervals: [
            { start_time: 1, end_time: 2 },
            { start_time: 3, end_time: 8 },
          ],
        },
      }),
      ['video_param.disable_intervals.1.end_time: "8 s"', 'lasts 5.0'],
    ],
    [
      'a part after the end',
      'video_to_video',
      (at) => ({
        ref_video_url: `${at}r/clip.mp4`,
        driver_type: 'OriginalVoice',
        input_audio_url: `${at}r/line.mp3`,
        video_param: { make_type: 'Custom', start_time: 1, end_time: 6 },
      }),
      ['video_param.end_time: "6 s"'],
    ],
  ];

  it.each(across)('refuses %s (%s)', async (_what, tool, input, said) => {
    const sent = await refusals();
    const refused = await session.call(tool, input(server.url));
    expect(refused.isError, refused.text).toBe(true);
    for (const words of said) expect(refused.text).toContain(words);
    expect(await refusals()).toBe(sent);
  });

  it('warns that VideoRetalk cuts longer audio, unless the clip is played on', async () => {
    const input = {
      video_url: `${server.url}r/other.mp4`,
      audio_url: `${server.url}r/line.mp3`,
      dry_run: true,
    };
    const wide = { ...input, video_url: `${server.url}r/clip.mp4`, audio_url: `${server.url}r/long.mp3` };
    const cut = await session.call('video_retalk', { ...wide, audio_url: `${server.url}r/line.mp3` });
    expect(cut.structured, cut.text).toMatchObject({
      valid: true,
      warnings: [],
      estimate: { billed_seconds: expect.closeTo(4, 0) },
    });
    await materials.make('six.mp3', ...tone(6));
    const longer = { ...wide, audio_url: `${server.url}r/six.mp3` };
    const shortened = await session.call('video_retalk', longer);
    expect(shortened.structured?.warnings, shortened.text).toEqual([
      expect.stringContaining('video_extension'),
    ]);
    expect(shortened.structured?.estimate).toMatchObject({ billed_seconds: 5 });
    const extended = await session.call('video_retalk', { ...longer, video_extension: true });
    expect(extended.structured).toMatchObject({
      warnings: [],
      estimate: { billed_seconds: expect.closeTo(6, 0) },
    });
  });

  it('takes an address that cannot be reached from here for a warning, and a page for no media', async () => {
    const gone = await session.call('photo_to_video', {
      ...photo(server, 'line.mp3'),
      ref_photo_url: `${server.url}gone/a.png`,
      dry_run: true,
    });
    expect(gone.structured).toMatchObject({
      valid: true,
      warnings: [expect.stringContaining('ref_photo_url was not checked')],
    });
    const login = await session.call('photo_to_video', {
      ...photo(server, 'line.mp3'),
      ref_photo_url: `${server.url}login/a.png`,
      dry_run: true,
    });
    expect(login.structured).toMatchObject({
      valid: false,
      problems: [expect.stringContaining('ref_photo_url cannot be used: The content is text')],
    });
  });

  it('refuses addresses inside our own network without opening them', async () => {
    const before = server.connections();
    const refused = await strict.call('photo_to_video', photo(server, 'line.mp3'));
    expect(refused.isError).toBe(true);
    expect(refused.text).toContain('- ref_photo_url cannot be used');
    expect(refused.text).toContain('- input_audio_url cannot be used');
    expect(server.connections()).toBe(before);
  });

  it('opens nothing when preflight is off, and still checks what is written', async () => {
    const before = server.ranges.length;
    const dry = await careless.call('photo_to_video', { ...photo(server, 'long.mp3'), dry_run: true });
    expect(dry.structured).toMatchObject({ valid: true, warnings: [] });
    expect(dry.structured?.estimate).not.toHaveProperty('billed_seconds');
    expect(server.ranges.length).toBe(before);
    expect((await careless.call('photo_to_video', { driver_type: 'Song' })).isError).toBe(true);
  });

  it('tells which tools take a file, and why others do not', async () => {
    const { structured, text } = await session.call('check_media', { url: `${server.url}r/long.mp3` });
    const names = (list: unknown) =>
      (list as Array<{ tool: string; field: string }>).map(({ tool, field }) => `${tool} ${field}`);
    expect(names(structured?.accepted)).toEqual([
      'make_video input_audio_url',
      'make_video_advanced input_audio_url',
      'make_ppt_video page_configs[].input_audio_url',
      'video_to_video input_audio_url',
    ]);
    expect(names(structured?.refused)).toEqual([
      'submit_portrait_sing audio_url',
      'photo_to_video input_audio_url',
      'video_retalk audio_url',
    ]);
    expect(text).toContain('refused: video_retalk audio_url');
    const nothing = await session.call('check_media', { url: `${server.url}login/x` });
    expect(nothing.isError).toBe(true);
    expect(nothing.text).toContain('media: The content is text');
  });

  it('judges a picture that comes as base64 too', async () => {
    const chunks: Buffer[] = [];
    await materials.make('tiny.png', ...picture('100x100', 1), '-frames:v', '1');
    for await (const chunk of createReadStream(materials.path('tiny.png'))) chunks.push(chunk as Buffer);
    const refused = await session.call('submit_portrait_sing', {
      audio_url: `${server.url}r/line.mp3`,
      image_base64: Buffer.concat(chunks).toString('base64'),
    });
    expect(refused.isError).toBe(true);
    expect(refused.text).toContain('- image_base64: "100x100"');
  });
});
