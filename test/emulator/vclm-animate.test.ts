import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../src/emulator/server.ts';
import { control, MediaServer, pixel, probe, until, vclm } from './harness.ts';

let emulator: Emulator;
let media: MediaServer;
const urls: Record<string, string> = {};

beforeAll(async () => {
  media = await MediaServer.start();
  emulator = await startEmulator({ speed: 1000 });
  urls.person = await media.image('person.png', '300x480');
  urls.wide = await media.image('wide.png', '500x300');
  urls.huge = await media.image('huge.jpg', '1400x2100');
  urls.webp = await media.image('person.webp', '300x480');
});
afterAll(async () => {
  await emulator.close();
  await media.close();
});
beforeEach(() => control(emulator, 'reset', {}));

const submit = (request: object, on = emulator) => vclm(on, 'SubmitImageAnimateJob', request);
const describeJob = (JobId: string, on = emulator) => vclm(on, 'DescribeImageAnimateJob', { JobId });

async function finished(request: object) {
  const { body } = await submit(request);
  expect(body.JobId, JSON.stringify(body)).toMatch(/^\d{19}$/);
  const answer = await until(
    () => describeJob(body.JobId),
    ({ body: { Status } }) => Status === 'DONE' || Status === 'FAIL',
  );
  expect(answer.body.Status, JSON.stringify(answer.body)).toBe('DONE');
  return answer.body;
}

it('dances for about five seconds to music, without a mask', async () => {
  const end = await finished({ ImageUrl: urls.person, TemplateId: 'ke3', EnableAudio: true });
  expect(Object.keys(end).toSorted()).toEqual([
    'ErrorCode',
    'ErrorMessage',
    'MaskVideoUrl',
    'RequestId',
    'ResultVideoUrl',
    'Status',
  ]);
  expect(end).toMatchObject({ ErrorCode: '', ErrorMessage: '', MaskVideoUrl: '' });
  const made = await probe(end.ResultVideoUrl, media.folder);
  expect(made).toMatchObject({ size: '300x480', video: 'h264', audio: 'aac' });
  expect(Math.abs(made.seconds - 5)).toBeLessThan(0.1);
  expect(made.loudest).toBeGreaterThan(-20);
  const spots = (at: number) => Promise.all([0.2, 0.4, 0.6, 0.8].map((x) => pixel(made.file, at, [x, 0.9])));
  expect(await spots(0)).not.toEqual(await spots(0.25));
});

it('is silent when asked, and takes base64', async () => {
  const bytes = await readFile(`${media.folder}/person.png`);
  const end = await finished({
    ImageBase64: bytes.toString('base64'),
    TemplateId: 'tuziwu',
    EnableAudio: false,
  });
  expect(await probe(end.ResultVideoUrl, media.folder)).toMatchObject({ video: 'h264', audio: '' });
});

it('cuts the dancer out with EnableSegment, for ke3 only, and shows where', async () => {
  const end = await finished({ ImageUrl: urls.person, TemplateId: 'ke3', EnableSegment: true });
  const [result, mask] = await Promise.all([
    probe(end.ResultVideoUrl, media.folder),
    probe(end.MaskVideoUrl, media.folder),
  ]);
  expect(mask).toMatchObject({ size: '300x480', audio: '' });
  expect(Math.abs(mask.seconds - result.seconds)).toBeLessThan(0.05);
  const [red = 0, green = 0, blue = 0] = await pixel(result.file, 1, [0.02, 0.95]);
  expect([red < 50, green > 200, blue < 50]).toEqual([true, true, true]);
  expect(Math.max(...(await pixel(mask.file, 1, [0.02, 0.95])).slice(0, 3))).toBeLessThan(30);
  expect(Math.min(...(await pixel(mask.file, 1, [0.5, 0.5])).slice(0, 3))).toBeGreaterThan(225);
  const other = await finished({ ImageUrl: urls.person, TemplateId: 'huajiangwu', EnableSegment: true });
  expect(other.MaskVideoUrl).toBe('');
});

it('walks WAIT, RUN, DONE, one job at a time, and is no other kind of job', async () => {
  const slow = await startEmulator({ speed: 60 });
  try {
    const { body } = await submit({ ImageUrl: urls.person }, slow);
    const second = await submit({ ImageUrl: urls.person }, slow);
    expect(second.body.Error.Code).toBe('RequestLimitExceeded.JobNumExceed');
    const other = await vclm(slow, 'DescribePortraitSingJob', { JobId: body.JobId });
    expect(other.body.Error.Code).toBe('FailedOperation.JobNotExist');
    const seen: string[] = [];
    await until(
      () => describeJob(body.JobId, slow),
      ({ body: { Status } }) => {
        if (seen.at(-1) !== Status) seen.push(Status);
        return Status === 'DONE';
      },
    );
    expect(seen.filter((word) => word !== 'WAIT')).toEqual(['RUN', 'DONE']);
  } finally {
    await slow.close();
  }
});

it('fails as scripted', async () => {
  await control(emulator, 'faults', {
    call: 'submit',
    fault: 'fail_task',
    code: 'FailedOperation.ImageBodyJoinsUndetected',
  });
  const { body } = await submit({ ImageUrl: urls.person });
  const { body: end } = await until(
    () => describeJob(body.JobId),
    ({ body: { Status } }) => Status === 'FAIL',
  );
  expect(end).toMatchObject({ ErrorCode: 'FailedOperation.ImageBodyJoinsUndetected', ResultVideoUrl: '' });
});

it.each([
  [{}, 'MissingParameter'],
  [{ ImageUrl: 'person', TemplateId: 'tango' }, 'InvalidParameterValue'],
  [{ ImageUrl: 'wide' }, 'FailedOperation.ImageRatioExcceed'],
  [{ ImageUrl: 'huge' }, 'FailedOperation.ImageResolutionExceed'],
  [{ ImageUrl: 'webp' }, 'FailedOperation.ImageNotSupported'],
])('refuses %j with %s', async (request: { ImageUrl?: string }, code) => {
  const { ImageUrl: name } = request;
  const { body } = await submit({ ...request, ...(name ? { ImageUrl: urls[name] } : {}) });
  expect(body.Error.Code).toBe(code);
});
