import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import S3rver from 's3rver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type EmulatorProcess,
  inputs,
  type Media,
  scratch,
  serveDemoMedia,
  startEmulator,
} from '../harness/processes.ts';
import { connect, type HttpCaller } from './callers.ts';
import { type HttpServerProcess, startHttpServer, until } from './server.ts';

const tools = ['submit_portrait_sing', 'photo_to_video', 'video_retalk'] as const;

describe('results over a network, with a bucket', () => {
  let emulator: EmulatorProcess;
  let media: Media;
  let place: Awaited<ReturnType<typeof scratch>>;
  let store: S3rver;
  let servers: HttpServerProcess[];
  let callers: HttpCaller[];

  beforeAll(async () => {
    [emulator, media, place] = await Promise.all([startEmulator(60), serveDemoMedia(), scratch()]);
    store = new S3rver({
      address: '127.0.0.1',
      port: 0,
      silent: true,
      directory: join(place.path, 'store'),
      configureBuckets: [{ name: 'media' }],
    });
    const { port } = await store.run();
    const environment = {
      ...emulator.environment,
      DIGITAL_HUMAN_S3_ENDPOINT: `http://127.0.0.1:${port}`,
      DIGITAL_HUMAN_S3_REGION: 'us-east-1',
      DIGITAL_HUMAN_S3_BUCKET: 'media',
      DIGITAL_HUMAN_S3_ACCESS_KEY_ID: 'S3RVER',
      DIGITAL_HUMAN_S3_SECRET_ACCESS_KEY: 'S3RVER',
      DIGITAL_HUMAN_S3_ADDRESSING: 'path',
    };
    const args = ['--data-dir', join(place.path, 'data'), '--http-burst', '1000', '--log-level', 'info'];
    servers = [await startHttpServer(environment, args), await startHttpServer(environment, args)];
    callers = await Promise.all(servers.map(({ url }) => connect('modern', url)));
  });
  afterAll(async () => {
    await Promise.all(callers.map((caller) => caller.close()));
    await Promise.all(servers.map((server) => server.stop()));
    await emulator.stop();
    await store.close();
    await media.close();
    await place.remove();
  });

  it('are links into the bucket, which outlive the clouds’ and lead to the same bytes', async () => {
    const [one, two] = callers as [HttpCaller, HttpCaller];
    const ids: string[] = [];
    for (const tool of tools) {
      const { structured, text } = await one.call(tool, inputs(media)[tool] ?? {});
      expect(structured?.job_id, text).toBeDefined();
      ids.push(structured?.job_id ?? '');
    }
    let seen = 0;
    for (const [index, id] of ids.entries()) {
      const progress = async () =>
        (await two.call('get_progress', { job_id: id, wait_seconds: 1 })).structured;
      await until(async () => {
        const { status, outputs } = (await progress()) ?? {};
        if (status === 'failed') throw new Error(`${id} failed`);
        return status === 'succeeded' && outputs?.every(({ sha256 }) => sha256 !== undefined) === true;
      }, 90_000);
      const { structured } = await two.call('download_result', { job_id: id });
      for (const output of structured?.outputs ?? []) {
        const { url, sha256, size_bytes: bytes, expires_at: expiry } = output;
        expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/media\/digital-human\/[0-9a-f]{64}\.\w+\?X-Amz-/);
        expect(output.local_path).toBeUndefined();
        const file = Buffer.from(await (await fetch(url)).arrayBuffer());
        expect(createHash('sha256').update(file).digest('hex')).toBe(sha256);
        expect(file.length).toBe(bytes);
        expect(Date.parse(expiry)).toBeGreaterThan(Date.now() + 6 * 24 * 3_600_000);
        seen++;
      }
      expect(structured?.tool).toBe(tools[index]);
      expect(structured?.warnings).toBeUndefined();
    }
    expect(seen).toBeGreaterThanOrEqual(tools.length);
    const copied = servers.flatMap((server) => server.lines('copied to the bucket').map(({ job }) => job));
    expect(new Set(copied)).toEqual(new Set(ids));
    expect(copied).toHaveLength(ids.length);
    expect(await readdir(join(place.path, 'data', 'copies'))).toEqual([]);
    expect((await emulator.requests()).submit).toBe(tools.length);
    for (const server of servers) expect(server.errors()).not.toMatch(/X-Amz-Signature=[0-9a-f]/);
  });
});
