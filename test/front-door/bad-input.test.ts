import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type EmulatorProcess,
  inputs,
  type Media,
  scratch,
  serveDemoMedia,
  startEmulator,
} from '../harness/processes.ts';
import { openSession, type Session } from '../harness/sessions.ts';

const photo = {
  ref_photo_url: 'http://127.0.0.1:1/a.jpg',
  driver_type: 'OriginalVoice',
  input_audio_url: 'http://127.0.0.1:1/a.mp3',
};
const speech = { timbre_key: 'female_1', speed: 1 };
const spoken = {
  ref_photo_url: 'http://127.0.0.1:1/a.jpg',
  driver_type: 'Text',
  input_ssml: 'Hello there',
  speech_param: speech,
};
const sing = { audio_url: 'http://127.0.0.1:1/a.mp3', image_url: 'http://127.0.0.1:1/a.jpg' };
const dub = { video_url: 'http://127.0.0.1:1/a.mp4', audio_url: 'http://127.0.0.1:1/a.wav' };

/** Tool, input, and what the answer must name: field, value, limit or mend. */
const wrong: ReadonlyArray<readonly [string, Record<string, unknown>, readonly string[]]> = [
  [
    'photo_to_video',
    { ...spoken, speech_param: { ...speech, speed: 2 } },
    ['speech_param.speed', '2', '1.5', '0.5'],
  ],
  [
    'photo_to_video',
    { ...spoken, speech_param: { ...speech, speed: 0.4 } },
    ['speech_param.speed', '0.4', '0.5'],
  ],
  [
    'photo_to_video',
    { ...spoken, speech_param: { ...speech, volume: 11 } },
    ['speech_param.volume', '11', '10'],
  ],
  [
    'photo_to_video',
    { ...spoken, speech_param: { ...speech, volume: 1.5 } },
    ['speech_param.volume', '1.5', 'int'],
  ],
  ['photo_to_video', { ...spoken, speech_param: { speed: 1 } }, ['speech_param.timbre_key', 'Text']],
  ['photo_to_video', { ...spoken, input_ssml: 'Hey' }, ['input_ssml', 'Hey', '4 characters']],
  ['photo_to_video', { ...spoken, input_ssml: '字'.repeat(301) }, ['input_ssml', '300', '(301)']],
  ['photo_to_video', { ...spoken, input_ssml: 'Hello\nthere' }, ['input_ssml', 'line breaks']],
  ['photo_to_video', { ...spoken, speech_param: undefined }, ['speech_param', 'Text']],
  ['photo_to_video', { ...photo, input_audio_url: undefined }, ['input_audio_url', 'OriginalVoice']],
  ['photo_to_video', { ...photo, driver_type: 'Audio' }, ['driver_type', 'Audio', 'Text or OriginalVoice']],
  ['photo_to_video', { ...photo, driver_type: undefined }, ['driver_type', 'required']],
  [
    'photo_to_video',
    { ...photo, callback_url: `https://e.com/${'a'.repeat(1000)}` },
    ['callback_url', '999'],
  ],
  ['photo_to_video', { ...photo, video_param: { resolution: 2 } }, ['video_param.resolution', '2', '1']],
  ['photo_to_video', { ...photo, video_param: { prompt: 'p'.repeat(5001) } }, ['video_param.prompt', '5000']],
  [
    'photo_to_video',
    { ...photo, ref_photo_url: 'ftp://example.com/a.jpg' },
    ['ref_photo_url', 'ftp', 'http'],
  ],
  ['photo_to_video', { ...photo, ref_foto_url: 'x' }, ['ref_foto_url', 'ref_photo_url']],
  [
    'photo_to_video',
    { ...spoken, speech_param: { ...speech, timber_key: 'x' } },
    ['speech_param.timber_key', 'timbre_key'],
  ],
  ['photo_to_video', { ...photo, concurrency_type: 'Shared' }, ['concurrency_type', 'not a known property']],
  ['submit_portrait_sing', { ...sing, mode: 'Cat' }, ['mode', 'Cat', 'Person or Pet']],
  ['submit_portrait_sing', { ...sing, resolution: '1024:1024' }, ['resolution', '512:512']],
  ['submit_portrait_sing', { ...sing, logo_add: 2 }, ['logo_add', '2', '1']],
  ['submit_portrait_sing', { ...sing, image_url: undefined }, ['image_url', 'image_base64']],
  [
    'submit_portrait_sing',
    { ...sing, image_base64: 'data:image/png;base64,AAAA' },
    ['image_base64', 'data:'],
  ],
  ['submit_portrait_sing', { ...sing, audio_url: 7 }, ['audio_url', '7', 'string']],
  ['video_retalk', { ...dub, query_face_threshold: 119 }, ['query_face_threshold', '119', '120']],
  ['video_retalk', { ...dub, query_face_threshold: 201 }, ['query_face_threshold', '201', '200']],
  ['video_retalk', { ...dub, video_extension: 'maybe' }, ['video_extension', 'maybe', 'boolean']],
  ['video_retalk', { audio_url: dub.audio_url }, ['video_url', 'required']],
  ['video_retalk', { ...dub, idempotency_key: 'k'.repeat(129) }, ['idempotency_key', '128']],
  ['get_progress', {}, ['job_id', 'cloud_task_id']],
  ['get_progress', { cloud_task_id: 'x' }, ['tool', 'cloud_task_id']],
  [
    'make_video_advanced',
    {
      virtualman_key: 'v',
      input_ssml: 'Hello',
      speech_param: { speed: 1 },
      video_param: { anchor_param: { scale: 0 } },
    },
    ['video_param.anchor_param.scale', '0'],
  ],
  [
    'make_ppt_video',
    { ppt_file_url: 'https://e.com/a.pptx', page_configs: [{}] },
    ['page_configs.0.input_ssml', 'Text'],
  ],
  [
    'make_ppt_video',
    {
      ppt_file_url: 'https://e.com/a.pptx',
      global_config: { background_color: '#FFF' },
      page_configs: [{ input_ssml: 'Hi' }],
    },
    ['global_config.background_color', '#FFFFFF'],
  ],
  ['synthesize_speech', { input_ssml: 'Hello', speed: 1 }, ['timbre_key', 'virtualman_key']],
  ['list_assets', { kind: 'actions' }, ['virtualman_key']],
  ['cancel_job', { job_id: 'job_that_is_not_there' }, ['job_that_is_not_there']],
  ['get_progress', { job_id: 'job_x', wait_seconds: 46 }, ['wait_seconds', '46', '45']],
  ['get_progress', { job_id: 'job_that_is_not_there' }, ['job_that_is_not_there', 'list_jobs']],
  ['list_jobs', { limit: 0 }, ['limit', '1']],
  ['list_jobs', { status: 'done' }, ['status', 'done', 'succeeded']],
  ['list_jobs', { cursor: 'garbage' }, ['cursor']],
  ['download_result', { job_id: 'job_that_is_not_there' }, ['job_that_is_not_there', 'list_jobs']],
];

describe('bad input', () => {
  let emulator: EmulatorProcess;
  let media: Media;
  let place: Awaited<ReturnType<typeof scratch>>;
  let session: Session;

  beforeAll(async () => {
    emulator = await startEmulator(100);
    media = await serveDemoMedia();
    place = await scratch();
    session = await openSession('legacy', {
      environment: emulator.environment,
      args: ['--data-dir', place.path, '--log-level', 'debug'],
    });
  });
  afterAll(async () => {
    await session.close();
    await emulator.stop();
    await media.close();
    await place.remove();
  });

  it.each(wrong)('%s refuses %j', async (tool, input, named) => {
    const answer = await session.call(tool, input);
    expect(answer.isError).toBe(true);
    expect(answer.structured).toBeUndefined();
    for (const word of named) expect(answer.text).toContain(word);
  });

  it('has sent nothing for any of it, and kept nothing', async () => {
    expect(wrong).toHaveLength(44);
    expect(Object.values(await emulator.requests()).reduce((sum, count) => sum + count, 0)).toBe(0);
    const { structured } = await session.call('list_jobs', {});
    expect(structured).toMatchObject({ jobs: [] });
  });

  it('reports every fault at once', async () => {
    const { text } = await session.call('photo_to_video', {
      ...spoken,
      input_ssml: 'x',
      speech_param: { speed: 9, volume: 99, timbre_key: 'a' },
      unknown_thing: 1,
    });
    for (const field of ['input_ssml', 'speech_param.speed', 'speech_param.volume', 'unknown_thing'])
      expect(text).toContain(field);
  });

  it('does not repeat the signature of a signed address', async () => {
    const secret = 'https://bucket.example.com/a.mp4?Signature=topsecret';
    const { text } = await session.call('photo_to_video', {
      ...photo,
      callback_url: `${secret}${'x'.repeat(1000)}`,
    });
    expect(text).toContain('https://bucket.example.com/a.mp4?…');
    expect(text).not.toContain('topsecret');
  });

  it('takes numbers, booleans and objects that arrive as strings', async () => {
    const { structured, text } = await session.call('photo_to_video', {
      ...spoken,
      speech_param: JSON.stringify({ ...speech, speed: '1.25', volume: '3' }),
      dry_run: 'true',
    });
    expect(structured, text).toMatchObject({ valid: true, problems: [] });
  });

  it('checks without submitting when asked for a dry run, and warns of what will be ignored', async () => {
    const good = await session.call('photo_to_video', {
      ...spoken,
      speech_param: { ...speech, volume: 5, emotion_intensity: 100 },
      dry_run: true,
    });
    expect(good.structured).toMatchObject({ valid: true });
    expect(good.structured?.warnings).toHaveLength(3);
    expect(good.text).toContain('ref_photo_url was not checked');
    const bad = await session.call('photo_to_video', { ...photo, driver_type: 'Text', dry_run: true });
    expect(bad.isError).toBe(false);
    expect(bad.structured).toMatchObject({ valid: false });
    expect(bad.structured?.problems).toHaveLength(3);
    expect(await emulator.submissions()).toHaveLength(0);
  });

  it('says what to set when a cloud has no keys, while its tools stay listed', async () => {
    const bare = await openSession('modern', { args: ['--data-dir', place.path] });
    const names = (await bare.listTools()).map(({ name }) => name);
    expect(names).toEqual([
      'submit_portrait_sing',
      'submit_image_animate',
      'synthesize_speech',
      'make_video',
      'make_video_advanced',
      'make_ppt_video',
      'video_to_video',
      'photo_to_video',
      'video_retalk',
      'get_progress',
      'list_jobs',
      'cancel_job',
      'download_result',
      'check_media',
      'list_assets',
    ]);
    for (const [tool, variable] of [
      ['submit_portrait_sing', 'TENCENTCLOUD_SECRET_ID'],
      ['photo_to_video', 'IVH_APP_KEY'],
      ['video_retalk', 'DASHSCOPE_API_KEY'],
    ] as const) {
      const { isError, text } = await bare.call(tool, inputs(media)[tool] ?? {});
      expect(isError).toBe(true);
      expect(text).toContain(variable);
      expect(text).toContain('--sandbox');
    }
    await bare.close();
  });

  it('lists only configured clouds once one is, and the account’s own site’s fields', async () => {
    const one = await openSession('legacy', {
      args: ['--data-dir', place.path],
      environment: {
        IVH_APP_KEY: 'k',
        IVH_ACCESS_TOKEN: 't',
        IVH_SITE: 'intl',
        DASHSCOPE_API_KEY: '${user_config.key}',
      },
    });
    const tools = await one.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      'synthesize_speech',
      'make_video',
      'make_video_advanced',
      'make_ppt_video',
      'video_to_video',
      'photo_to_video',
      'get_progress',
      'list_jobs',
      'cancel_job',
      'download_result',
      'check_media',
      'list_assets',
    ]);
    const photoTool = tools.find(({ name }) => name === 'photo_to_video');
    const properties = (photoTool?.inputSchema as { properties?: object } | undefined)?.properties ?? {};
    expect(Object.keys(properties)).toContain('concurrency_type');
    expect(Object.keys(properties)).not.toContain('video_storage_s3_url');
    await one.close();
    const all = await openSession('legacy', {
      args: ['--data-dir', place.path, '--clouds', 'all'],
      environment: { DASHSCOPE_API_KEY: 'k' },
    });
    expect(await all.listTools()).toHaveLength(15);
    await all.close();
  });

  it('writes no secret and no signed query to its log', () => {
    for (const key of emulator.keys) expect(session.errors()).not.toContain(key);
    expect(session.errors()).not.toContain('topsecret');
  });
});
