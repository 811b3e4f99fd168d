import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../src/emulator/server.ts';
import { control, dashscope, ivh, MediaServer, until, vclm } from './harness.ts';

let emulator: Emulator;
let media: MediaServer;
const urls: Record<string, string> = {};

beforeAll(async () => {
  media = await MediaServer.start();
  emulator = await startEmulator({ speed: 2000, lanes: { 'vclm-portrait-sing': 100 } });
  urls.photo = await media.image('photo.png', '200x200');
  urls.voice = await media.audio('voice.wav', 2);
});
afterAll(async () => {
  await emulator.close();
  await media.close();
});
beforeEach(() => control(emulator, 'reset', {}));

const operation = 'SubmitPortraitSingJob';
const submit = () => vclm(emulator, operation, { AudioUrl: urls.voice, ImageUrl: urls.photo });
const query = (JobId: string) => vclm(emulator, 'DescribePortraitSingJob', { JobId });
const install = (fault: Record<string, unknown>) => control(emulator, 'faults', fault);
const accepted = async () => (await control(emulator, 'submissions')).submissions;

async function done() {
  const { body } = await submit();
  const end = await until(
    () => query(body.JobId),
    (answer) => answer.body.StatusCode !== 'RUN',
  );
  return end.body;
}

describe('faults of one exchange', () => {
  it('refuse: the code and message, nothing accepted, once', async () => {
    expect(
      await install({
        call: 'submit',
        fault: 'refuse',
        code: 'ResourceUnavailable.InArrears',
        message: 'no money',
      }),
    ).toEqual({ installed: 1 });
    expect((await submit()).body.Error).toEqual({
      Code: 'ResourceUnavailable.InArrears',
      Message: 'no money',
    });
    expect(await accepted()).toHaveLength(0);
    expect((await submit()).body.JobId).toBeDefined();
  });

  it('refuse speaks every dialect', async () => {
    await install({ call: 'query', fault: 'refuse', code: 100013, message: 'no hours', times: 1 });
    expect((await ivh(emulator, 'getprogress', { TaskId: 'x' })).body.Header.Code).toBe(100013);
    await install({ call: 'query', fault: 'refuse', code: 'Arrearage', message: 'no money' });
    const answer = await dashscope(emulator, 'GET', '/tasks/x');
    expect(answer).toMatchObject({ status: 400, body: { code: 'Arrearage', message: 'no money' } });
  });

  it('delay: the answer comes late, and is the true one', async () => {
    await install({ call: 'submit', fault: 'delay', ms: 300 });
    const start = performance.now();
    expect((await submit()).body.JobId).toBeDefined();
    expect(performance.now() - start).toBeGreaterThan(295);
  });

  it.each(['before_body', 'mid_body'])(
    'cut %s: headers arrive, the body breaks, the task exists',
    async (where) => {
      await install({ call: 'submit', fault: 'cut', where });
      await expect(submit()).rejects.toThrow();
      expect(await accepted()).toHaveLength(1);
    },
  );

  it('cut in a download leaves part of the file', async () => {
    const { ResultVideoUrl } = await done();
    await install({ call: 'result', fault: 'cut', where: 'mid_body' });
    const response = await fetch(ResultVideoUrl);
    expect(response.status).toBe(200);
    await expect(response.arrayBuffer()).rejects.toThrow();
    expect((await fetch(ResultVideoUrl)).status).toBe(200);
  });

  it('accept_then_drop: no answer at all, yet the task exists and finishes', async () => {
    await install({ call: 'submit', fault: 'accept_then_drop' });
    await expect(submit()).rejects.toThrow();
    const [only, ...more] = await accepted();
    expect(more).toEqual([]);
    const end = await until(
      () => query(only.task_id),
      ({ body }) => body.StatusCode === 'DONE',
    );
    expect(end.body.ResultVideoUrl).toContain('/_results/');
  });

  it.each([
    [500, false],
    [502, false],
    [503, true],
  ])('server_error %i, vendor body %s: nothing is accepted', async (status, vendor_error) => {
    await install({ call: 'submit', fault: 'server_error', status, vendor_error });
    const answer = await submit();
    expect(answer.status).toBe(status);
    expect(answer.body.Error?.Code).toBe(vendor_error ? 'FailedOperation.InnerError' : undefined);
    expect(await accepted()).toHaveLength(0);
  });

  it.each(['malformed', 'empty'])('%s: 200 without a readable body, the task exists', async (fault) => {
    await install({ call: 'submit', fault });
    const answer = await submit();
    expect(answer.status).toBe(200);
    expect(typeof answer.body).toBe('string');
    expect(await accepted()).toHaveLength(1);
  });

  it('status: an unknown status word', async () => {
    const { JobId } = await done();
    await install({ operation, call: 'query', fault: 'status', status: 'DREAMING' });
    expect((await query(JobId)).body.StatusCode).toBe('DREAMING');
    expect((await query(JobId)).body.StatusCode).toBe('DONE');
  });

  it('expire_results: links answer 403 as often as asked', async () => {
    const { ResultVideoUrl } = await done();
    await install({ call: 'result', fault: 'expire_results', times: 2 });
    const statuses: number[] = [];
    for (let n = 0; n < 3; n += 1) {
      const response = await fetch(ResultVideoUrl);
      await response.arrayBuffer();
      statuses.push(response.status);
    }
    expect(statuses).toEqual([403, 403, 200]);
    expect((await control(emulator, 'requests')).result).toBe(3);
  });

  it('label: hits are counted under it, and a fault that waits has none', async () => {
    await install({ call: 'submit', fault: 'delay', ms: 0, times: 2, label: 'late' });
    await install({ call: 'query', fault: 'malformed', label: 'never met' });
    await install({ call: 'submit', fault: 'clock', offset_seconds: 60, label: 'clock' });
    for (let n = 0; n < 3; n += 1) await submit();
    expect(await control(emulator, 'faults')).toEqual({ hits: { late: 2, clock: 3 } });
    await control(emulator, 'reset', {});
    expect(await control(emulator, 'faults')).toEqual({ hits: {} });
  });

  it('after and times: which calls are hit', async () => {
    await install({ call: 'query', fault: 'status', status: 'X', after: 1, times: 2 });
    const { body } = await submit();
    const words: string[] = [];
    for (let n = 0; n < 4; n += 1) words.push((await query(body.JobId)).body.StatusCode);
    expect(words.map((word) => word === 'X')).toEqual([false, true, true, false]);
  });

  it('another operation is left alone', async () => {
    await install({ operation: 'videoretalk', call: 'submit', fault: 'empty' });
    expect((await submit()).body.JobId).toBeDefined();
  });
});

describe('faults of tasks and clocks', () => {
  it('fail_task: the next accepted task ends with the code', async () => {
    await install({
      operation,
      call: 'submit',
      fault: 'fail_task',
      code: 'FailedOperation.ModerationFailed',
      message: 'no',
    });
    expect(await done()).toMatchObject({
      StatusCode: 'FAIL',
      ErrorCode: 'FailedOperation.ModerationFailed',
      ErrorMessage: 'no',
      ResultVideoUrl: '',
    });
    expect((await done()).StatusCode).toBe('DONE');
  });

  it('clock: Date header and signature window move together until a reset', async () => {
    await install({ call: 'submit', fault: 'clock', offset_seconds: 3600 });
    const early = await submit();
    expect(early.body.Error.Code).toBe('AuthFailure.SignatureExpire');
    expect(Math.abs(early.date - Date.now() - 3_600_000)).toBeLessThan(3000);
    const skewed = await vclm(
      emulator,
      operation,
      { AudioUrl: urls.voice, ImageUrl: urls.photo },
      { skew: 3600 },
    );
    expect(skewed.body.JobId).toBeDefined();
    await control(emulator, 'reset', {});
    expect((await submit()).body.JobId).toBeDefined();
  });
});

describe('control routes', () => {
  it('refuse what is no fault, by name, and install nothing of it', async () => {
    const answer = await install({ call: 'submit', fault: 'explode' });
    expect(answer.installed).toBeUndefined();
    expect(answer.problems).toHaveLength(1);
    expect(
      (await control(emulator, 'faults', [{ call: 'submit', fault: 'empty' }, { fault: 'delay' }])).error,
    ).toBeDefined();
    expect((await submit()).body.JobId).toBeDefined();
  });

  it('reset forgets tasks, submissions, faults, results and counts', async () => {
    const { JobId, ResultVideoUrl } = await done();
    await install({ call: 'submit', fault: 'empty' });
    await control(emulator, 'reset', {});
    expect(await control(emulator, 'requests')).toEqual({
      submit: 0,
      query: 0,
      result: 0,
      cancel: 0,
      list: 0,
      policy: 0,
      upload: 0,
    });
    expect(await accepted()).toEqual([]);
    expect((await query(JobId)).body.Error.Code).toBe('FailedOperation.JobNotExist');
    expect((await fetch(ResultVideoUrl)).status).toBe(404);
    expect((await submit()).body.JobId).toBeDefined();
  });

  it('answer no foreign Host', async () => {
    const status = await new Promise((resolve, reject) => {
      const { hostname, port } = new URL(emulator.url);
      const call = httpRequest({
        hostname,
        port,
        path: '/_emulator/submissions',
        headers: { host: 'evil.example' },
      });
      call.once('response', (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      call.once('error', reject).end();
    });
    expect(status).toBe(403);
  });

  it('answer bad JSON in the dialect', async () => {
    const body = '{"broken';
    const answer = await fetch(`${emulator.url}/api/v1/services/aigc/image2video/video-synthesis`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${emulator.credentials.dashscope.api_key}`,
        'x-dashscope-async': 'enable',
      },
      body,
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'InvalidParameter' });
  });
});
