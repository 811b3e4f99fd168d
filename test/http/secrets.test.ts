import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type EmulatorProcess,
  inputs,
  type Media,
  scratch,
  serveDemoMedia,
  startEmulator,
} from '../harness/processes.ts';
import { eras } from '../harness/sessions.ts';
import { connect } from './callers.ts';
import { goodClaims, type Issuer, startIssuer } from './issuer.ts';
import { messagesOf, post } from './raw.ts';
import { type HttpServerProcess, startHttpServer, tokensFile, until } from './server.ts';

const callbackSecret = 'planted-callback-secret';
const signature = (place: string) => `planted-signature-${place}`;

describe('secrets', () => {
  let emulator: EmulatorProcess;
  let media: Media;
  let place: Awaited<ReturnType<typeof scratch>>;
  let issuer: Issuer;
  let server: HttpServerProcess;
  let tokens: Readonly<Record<string, string>>;
  /** Everything that anybody was told. */
  const told: string[] = [];
  const planted: string[] = [];

  beforeAll(async () => {
    emulator = await startEmulator(60);
    media = await serveDemoMedia();
    place = await scratch();
    issuer = await startIssuer();
    const file = await tokensFile(place.path, { ada: ['jobs:read', 'jobs:write'] });
    tokens = file.tokens;
    const environment = { ...emulator.environment, ...issuer.environment };
    server = await startHttpServer({ ...environment, DIGITAL_HUMAN_CALLBACK_SECRET: callbackSecret }, [
      ['--data-dir', place.path, '--http-tokens-file', file.path, '--log-level', 'debug'],
      ['--http-burst', '1000'],
    ]);
    planted.push(...emulator.keys, ...Object.values(tokens), callbackSecret);
  });
  afterAll(async () => {
    await server.stop();
    await issuer.close();
    await emulator.stop();
    await media.close();
    await place.remove();
  });

  const signed = (url: string, name: string) => {
    planted.push(signature(name));
    return `${url}?X-Amz-Signature=${signature(name)}&token=${signature(name)}`;
  };

  it.each(eras)('are planted wherever one can be (%s)', async (era) => {
    const jwt = await issuer.sign(goodClaims(issuer));
    planted.push(jwt, jwt.split('.')[2] ?? '');
    for (const token of [tokens.ada ?? '', jwt]) {
      const caller = await connect(era, server.url, { token });
      const call = async (name: string, input: Record<string, unknown>) => {
        const answer = await caller.call(name, input).catch((error: unknown) => ({ text: String(error) }));
        told.push(JSON.stringify(answer));
        return 'structured' in answer ? answer.structured?.job_id : undefined;
      };
      const photo = inputs(media).photo_to_video ?? {};
      const url = (name: string) => signed(`${media.url}portrait.jpg`, name);
      // Taken, refused by us, refused by the cloud, failed in the cloud, lost on the way.
      const ended: Array<string | undefined> = [];
      ended.push(await call('photo_to_video', { ...photo, ref_photo_url: url('taken') }));
      await call('photo_to_video', { ...photo, ref_photo_url: `ftp${url('ours').slice(4)}` });
      await call('photo_to_video', { ...photo, no_such_field: url('unknown') });
      await call('photo_to_video', { ...photo, ref_photo_url: url('dry'), dry_run: true });
      const message = `cannot read ${url('message')} for you`;
      await emulator.fault({ call: 'submit', fault: 'refuse', code: '100001', message });
      ended.push(await call('photo_to_video', { ...photo, ref_photo_url: url('refused') }));
      await emulator.fault({ call: 'submit', fault: 'fail_task', code: '110004', message });
      ended.push(await call('photo_to_video', { ...photo, ref_photo_url: url('failed') }));
      await emulator.fault({ call: 'submit', fault: 'accept_then_drop' });
      ended.push(await call('photo_to_video', { ...photo, ref_photo_url: url('lost') }));
      await emulator.fault({ call: 'query', fault: 'refuse', code: '100001', message, times: 2 });
      await call('get_progress', { tool: 'photo_to_video', cloud_task_id: url('task') });
      await call('get_progress', { job_id: signed('https://x.example/', 'job').slice(0, 60) });
      await call(signed('https://tool.example/', 'tool'), { secret: signature('tool') });
      for (const id of ended) {
        if (id === undefined) continue;
        await until(async () => {
          const { structured } = await caller.call('get_progress', { job_id: id, wait_seconds: 5 });
          return ['succeeded', 'failed', 'unknown'].includes(structured?.status ?? '');
        });
        await call('get_progress', { job_id: id });
        told.push(await caller.read(`digital-human://jobs/${id}`));
      }
      told.push(await caller.read('digital-human://jobs'));
      told.push(await caller.read(signed('https://uri.example/', 'uri')).catch(String));
      await caller.close();
    }
    const states = told.join('\n');
    for (const state of ['succeeded', 'failed', 'unknown']) expect(states).toContain(`"${state}"`);
  });

  it('are planted in requests that never reach a tool', async () => {
    const authorization = `Bearer ${tokens.ada}`;
    const replies = await Promise.all([
      fetch(`${server.url}/callbacks/ivh/${callbackSecret}`, {
        method: 'POST',
        body: JSON.stringify({
          Payload: { TaskId: 'x', MediaUrl: signed('https://x.example/', 'callback'), FailMessage: 'no' },
        }),
      }),
      fetch(`${server.url}/callbacks/ivh/${callbackSecret}x`, { method: 'POST' }),
      fetch(`${server.url}/mcp?access_token=${tokens.ada}`, { method: 'POST' }),
      fetch(`${server.url}/${tokens.ada}`, { headers: { authorization } }),
      fetch(`${server.url}/mcp`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: `{"token": ${tokens.ada}}`,
      }),
      post(server.url, { method: tokens.ada ?? '' }, { authorization }),
      post(server.url, { method: 'tools/list' }, { authorization: `Bearer ${tokens.ada}`, origin: 'null' }),
      fetch(`${server.url}/readyz`),
      fetch(`${server.url}/metrics`),
    ]);
    for (const reply of replies) told.push(`${reply.status} ${await reply.text()}`);
    expect(told.length).toBeGreaterThan(10);
    const [unknown] = await messagesOf(await post(server.url, { method: 'tools/list' }, { authorization }));
    expect(unknown).toHaveProperty('error');
  });

  it('are in no answer, no error, no resource, no number and no log line', () => {
    const everything = `${told.join('\n')}\n${server.errors()}`;
    expect(server.lines('tool call').length).toBeGreaterThan(20);
    expect(server.lines('submit refused or broken off').length).toBeGreaterThan(0);
    // What is looked for would be found: the addresses are there, without their keys.
    expect(everything).toContain('portrait.jpg?…');
    expect(new Set(planted).size).toBeGreaterThan(15);
    const leaks = [...new Set(planted)].flatMap((secret) => {
      const at = everything.indexOf(secret);
      return at < 0 ? [] : [everything.slice(Math.max(0, at - 120), at + 60)];
    });
    expect(leaks).toEqual([]);
  });
});
