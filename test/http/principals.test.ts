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
import { connect, type HttpCaller } from './callers.ts';
import { type HttpServerProcess, startHttpServer, type TokensFile, tokensFile, until } from './server.ts';

const both = ['jobs:read', 'jobs:write'];
const unknownJob = 'job_AAAAAAAAAAAAAAAAAAAA';

/** The same text with every job id taken out: what is left must not tell one from the other. */
const anonymous = (text: string) => text.replaceAll(/job_[\w-]{20}/g, 'job_X');

describe.each(eras)('two principals on one server, in the %s era', (era) => {
  let emulator: EmulatorProcess;
  let media: Media;
  let place: Awaited<ReturnType<typeof scratch>>;
  let server: HttpServerProcess;
  let file: TokensFile;
  let ada: HttpCaller;
  let bob: HttpCaller;
  let theirs: string;
  let theirTask: string;

  beforeAll(async () => {
    emulator = await startEmulator(1);
    media = await serveDemoMedia();
    place = await scratch();
    file = await tokensFile(place.path, { ada: both, bob: both });
    const args = ['--data-dir', place.path, '--http-tokens-file', file.path, '--http-burst', '1000'];
    server = await startHttpServer(emulator.environment, args);
    ada = await connect(era, server.url, { token: file.tokens.ada });
    bob = await connect(era, server.url, { token: file.tokens.bob });
    const { structured, text } = await ada.call('photo_to_video', {
      ...inputs(media).photo_to_video,
      idempotency_key: 'the-same-word',
    });
    theirs = structured?.job_id ?? text;
    theirTask = structured?.cloud_task_id ?? text;
  });
  afterAll(async () => {
    await ada.close();
    await bob.close();
    await server.stop();
    await emulator.stop();
    await media.close();
    await place.remove();
  });

  it('another’s job is answered by every tool as one that does not exist', async () => {
    const ways: Array<[string, (id: string) => Record<string, unknown>]> = [
      ['get_progress', (id) => ({ job_id: id })],
      ['get_progress', (id) => ({ job_id: id, wait_seconds: 45 })],
      ['get_progress', (id) => ({ job_id: id, cloud_task_id: 'anything' })],
      ['cancel_job', (id) => ({ job_id: id })],
      ['download_result', (id) => ({ job_id: id })],
    ];
    // Every tool that takes a job is tried; one that is added must be added here.
    const taking = (await bob.listTools()).filter(({ inputSchema }) =>
      JSON.stringify(inputSchema).includes('"job_id"'),
    );
    expect(new Set(ways.map(([tool]) => tool))).toEqual(new Set(taking.map(({ name }) => name)));
    let refused = 0;
    for (const [tool, input] of ways) {
      const foreign = await bob.call(tool, input(theirs));
      const none = await bob.call(tool, input(unknownJob));
      expect(foreign.isError, tool).toBe(true);
      expect(foreign.text).toContain('not_found');
      expect(anonymous(foreign.text)).toBe(anonymous(none.text));
      refused++;
    }
    expect(refused).toBe(5);
    expect((await ada.call('get_progress', { job_id: theirs })).structured?.job_id).toBe(theirs);
  });

  it('another’s task cannot be adopted', async () => {
    const foreign = await bob.call('get_progress', { tool: 'photo_to_video', cloud_task_id: theirTask });
    expect(foreign.isError).toBe(true);
    expect(foreign.text).toContain('not_found');
    expect(foreign.text).not.toContain(theirs);
  });

  it('another’s job is in no list and no resource', async () => {
    const listed = await bob.call('list_jobs', {});
    expect(listed.structured?.jobs).toEqual([]);
    expect(JSON.parse(await bob.read('digital-human://jobs'))).toEqual({ jobs: [] });
    const fault = async (id: string) => {
      try {
        await bob.read(`digital-human://jobs/${id}`);
        return 'it was read';
      } catch (error) {
        return anonymous(String(error));
      }
    };
    expect(await fault(theirs)).toBe(await fault(unknownJob));
    expect(await fault(theirs)).toMatch(/not found/i);
    expect(JSON.parse(await ada.read('digital-human://jobs')).jobs).toHaveLength(1);
  });

  it('the same idempotency key of two principals is two keys', async () => {
    const mine = await bob.call('photo_to_video', {
      ...inputs(media).photo_to_video,
      idempotency_key: 'the-same-word',
    });
    expect(mine.isError, mine.text).toBe(false);
    expect(mine.structured?.job_id).not.toBe(theirs);
    const again = await ada.call('photo_to_video', {
      ...inputs(media).photo_to_video,
      idempotency_key: 'the-same-word',
    });
    expect(again.structured?.job_id).toBe(theirs);
  });

  it('nobody hears of another’s jobs, whatever was asked for', async () => {
    const listener = await connect(era, server.url, { token: file.tokens.bob });
    const heard: string[] = [];
    const foreign = `digital-human://jobs/${theirs}`;
    const none = `digital-human://jobs/${unknownJob}`;
    if (era === 'legacy') {
      const fault = (uri: string) =>
        listener
          .subscribe([uri], (changed) => heard.push(changed))
          .then(
            () => 'it was taken',
            (error: unknown) => anonymous(String(error)),
          );
      expect(await fault(foreign)).toBe(await fault(none));
      expect(await fault(foreign)).toMatch(/not found/i);
      await listener.subscribe(['digital-human://jobs'], (changed) => heard.push(changed));
    } else {
      await listener.subscribe([foreign, none, 'digital-human://jobs'], (changed) => heard.push(changed));
      expect(listener.honored()).toEqual(['digital-human://jobs']);
    }
    const spying = await connect(era, server.url, { token: file.tokens.ada });
    const adaHeard: string[] = [];
    await spying.subscribe(['digital-human://jobs'], (changed) => adaHeard.push(changed));
    const { structured } = await ada.call('video_retalk', inputs(media).video_retalk ?? {});
    await until(() => adaHeard.length >= 1);
    expect(heard).toEqual([]);
    const own = await bob.call('video_retalk', inputs(media).video_retalk ?? {});
    await until(() => heard.length >= 1);
    expect(own.structured?.job_id).not.toBe(structured?.job_id);
    await listener.close();
    await spying.close();
  });
});
