import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Emulator, startEmulator } from '../../src/emulator/server.ts';
import { control, dashscope, MediaServer, until } from './harness.ts';

let emulator: Emulator;
let media: MediaServer;
let folders: string[];
const urls: Record<string, string> = {};
const submitRoute = '/services/aigc/image2video/video-synthesis';

const emulatorFolders = async () =>
  (await readdir(tmpdir())).filter((name) => name.startsWith('digital-human-emulator-'));

beforeAll(async () => {
  media = await MediaServer.start();
  const before = new Set(await emulatorFolders());
  emulator = await startEmulator({ speed: 600 });
  folders = (await emulatorFolders()).filter((name) => !before.has(name));
  urls.clip = await media.video('clip.mp4', '640x720', 2);
  urls.voice = await media.audio('voice.wav', 2.5);
});
afterAll(async () => {
  await emulator.close();
  await media.close();
});
beforeEach(() => control(emulator, 'reset', {}));

const policyRoute = '/uploads?action=getPolicy&model=videoretalk';
type Policy = Record<string, string>;
const policy = async (): Promise<Policy> => (await dashscope(emulator, 'GET', policyRoute)).body.data;

/** The documented fields in the documented order, as another program would send them. */
const fieldsOf = (given: Policy, name = 'clip.mp4'): Array<[string, string]> => [
  ['OSSAccessKeyId', given.oss_access_key_id ?? ''],
  ['Signature', given.signature ?? ''],
  ['policy', given.policy ?? ''],
  ['x-oss-object-acl', given.x_oss_object_acl ?? ''],
  ['x-oss-forbid-overwrite', given.x_oss_forbid_overwrite ?? ''],
  ['key', `${given.upload_dir}/${name}`],
  ['success_action_status', '200'],
];

async function post(given: Policy, fields: Array<[string, string]>, after: Array<[string, string]> = []) {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  form.append('file', new Blob([await (await fetch(urls.clip ?? '')).arrayBuffer()]), 'clip.mp4');
  for (const [name, value] of after) form.append(name, value);
  // Node's fetch knows the length of a form only when it is made whole first.
  const whole = new Response(form);
  const type = whole.headers.get('content-type') ?? '';
  const body = await whole.arrayBuffer();
  const reply = await fetch(given.upload_host ?? '', {
    method: 'POST',
    headers: { 'content-type': type },
    body,
  });
  return { status: reply.status, code: /<Code>(.*)<\/Code>/.exec(await reply.text())?.[1] };
}

/** Submits with the clip out of the temporary store. */
function submit(video_url: string, headers: Record<string, string> = {}) {
  const request = { model: 'videoretalk', input: { video_url, audio_url: urls.voice } };
  return until(
    () => dashscope(emulator, 'POST', submitRoute, request, headers),
    ({ body }) => body.code !== 'Throttling.RateQuota',
  );
}

async function ended(id: string) {
  const answer = await until(
    () => dashscope(emulator, 'GET', `/tasks/${id}`),
    ({ body }) => ['SUCCEEDED', 'FAILED'].includes(body.output?.task_status),
  );
  return answer.body.output;
}

describe('a permission to upload', () => {
  it('has the documented fields, and a name of its own', async () => {
    const [one, other] = [await policy(), await policy()];
    expect(Object.keys(one).toSorted()).toEqual([
      'expire_in_seconds',
      'max_file_size_mb',
      'oss_access_key_id',
      'policy',
      'signature',
      'upload_dir',
      'upload_host',
      'x_oss_forbid_overwrite',
      'x_oss_object_acl',
    ]);
    expect(one.upload_dir).not.toBe(other.upload_dir);
    expect(await control(emulator, 'requests')).toMatchObject({ policy: 2, upload: 0 });
  });

  it.each([
    ['a wrong key', policyRoute, 401, 'InvalidApiKey'],
    ['another action', '/uploads?action=list&model=videoretalk', 400, 'InvalidParameter'],
    ['no model', '/uploads?action=getPolicy', 400, 'InvalidParameter'],
    ['another model', '/uploads?action=getPolicy&model=other', 404, 'ModelNotFound'],
  ])('is refused for %s', async (name, route, status, code) => {
    const headers: Record<string, string> =
      name === 'a wrong key' ? { authorization: 'Bearer sk-wrong' } : {};
    const answer = await dashscope(emulator, 'GET', route, undefined, headers);
    expect(answer).toMatchObject({ status, body: { code } });
  });
});

describe('the temporary store', () => {
  it('takes a form, once under each name, and gives it to a model', async () => {
    const given = await policy();
    expect(await post(given, fieldsOf(given))).toEqual({ status: 200, code: undefined });
    expect(await post(given, fieldsOf(given))).toEqual({ status: 409, code: 'FileAlreadyExists' });
    expect(await post(given, fieldsOf(given, 'other.mp4'))).toMatchObject({ status: 200 });
    expect(await control(emulator, 'requests')).toMatchObject({ policy: 1, upload: 3 });
    const { body } = await submit(`oss://${given.upload_dir}/clip.mp4`, {
      'x-dashscope-ossresourceresolve': 'enable',
    });
    expect(await ended(body.output.task_id)).toMatchObject({ task_status: 'SUCCEEDED' });
  });

  it('is not looked into without the header: the task fails', async () => {
    const given = await policy();
    await post(given, fieldsOf(given));
    const address = `oss://${given.upload_dir}/clip.mp4`;
    const { status, body } = await submit(address);
    expect(status).toBe(200);
    const output = await ended(body.output.task_id);
    expect(output.task_status).toBe('FAILED');
    expect(output.message).toContain(`No connection adapters were found for '${address}'`);
  });

  it('has no file that was never stored, and none after a reset', async () => {
    const header = { 'x-dashscope-ossresourceresolve': 'enable' };
    const missing = { status: 400, body: { code: 'InvalidURL.ConnectionRefused' } };
    expect(await submit('oss://nothing/here.mp4', header)).toMatchObject(missing);
    const given = await policy();
    await post(given, fieldsOf(given));
    const kept = async () => {
      const names = await Promise.all(folders.map((name) => readdir(path.join(tmpdir(), name))));
      return names.flat().filter((name) => name.startsWith('upload-'));
    };
    expect(await kept()).toHaveLength(1);
    await control(emulator, 'reset', {});
    expect(await kept()).toHaveLength(0);
    expect(await submit(`oss://${given.upload_dir}/clip.mp4`, header)).toMatchObject(missing);
    expect((await control(emulator, 'submissions')).submissions).toHaveLength(0);
  });

  const changed = (name: string, value: string) => (fields: Array<[string, string]>) =>
    fields.map(([field, old]): [string, string] => [field, field === name ? value : old]);
  const without = (name: string) => (fields: Array<[string, string]>) =>
    fields.filter(([field]) => field !== name);

  it.each([
    ['a wrong signature', changed('Signature', 'AAAA'), 403, 'SignatureDoesNotMatch'],
    ['a policy of its own', changed('policy', 'e30='), 403, 'SignatureDoesNotMatch'],
    ['another key id', changed('OSSAccessKeyId', 'LTAIother'), 403, 'InvalidAccessKeyId'],
    ['a name elsewhere', changed('key', 'dashscope-instant/other/clip.mp4'), 403, 'AccessDenied'],
    ['a public object', changed('x-oss-object-acl', 'public-read'), 403, 'AccessDenied'],
    ['leave to overwrite', changed('x-oss-forbid-overwrite', 'false'), 403, 'AccessDenied'],
    ['no key', without('key'), 400, 'InvalidArgument'],
    ['no signature', without('Signature'), 400, 'InvalidArgument'],
    ['no status', without('success_action_status'), 400, 'InvalidArgument'],
  ])('refuses a form with %s', async (_, change, status, code) => {
    const given = await policy();
    expect(await post(given, change(fieldsOf(given)))).toEqual({ status, code });
  });

  it('refuses a form whose file is not last, what is no form, and a dead policy', async () => {
    const given = await policy();
    const fields = fieldsOf(given);
    expect(await post(given, fields.slice(0, -1), fields.slice(-1))).toEqual({
      status: 400,
      code: 'InvalidArgument',
    });
    const plain = await fetch(given.upload_host ?? '', { method: 'POST', body: 'words' });
    expect([plain.status, await plain.text()]).toEqual([
      400,
      expect.stringContaining('MalformedPOSTRequest'),
    ]);
    expect((await fetch(given.upload_host ?? '')).status).toBe(405);
    await control(emulator, 'faults', { call: 'upload', fault: 'refuse', code: 'AccessDenied' });
    expect(await post(given, fields)).toEqual({ status: 403, code: 'AccessDenied' });
    expect(await post(given, fields)).toMatchObject({ status: 200 });
  });
});
