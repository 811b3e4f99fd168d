import { createHash } from 'node:crypto';
import { mkdtemp, readFile, realpath, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from 's3rver';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Failure } from '../../src/core/failure.ts';
import { type BucketSettings, createBucket } from '../../src/media/bucket.ts';
import { openLocalFile } from '../../src/media/local-file.ts';
import { longestLinkSeconds, presign } from '../../src/media/presign.ts';
import { closedPort } from './loopback.ts';
import { expectedSignature, ObjectStore } from './object-store.ts';

let store: ObjectStore;
let folder: string;
const content = Buffer.from('a small file');
const digest = createHash('sha256').update(content).digest('hex');

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'bucket-')));
  store = await ObjectStore.start();
  await writeFile(join(folder, 'clip.mp4'), content);
});
afterAll(async () => {
  expect(store.faults).toEqual([]);
  await store.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => store.clear());

const settings = (changes: Partial<BucketSettings> = {}): BucketSettings => ({
  endpoint: store.url,
  region: 'cn-north-1',
  bucket: 'media',
  accessKeyId: 'the-key-id',
  secretAccessKey: store.secret,
  prefix: 'digital-human/',
  addressing: 'path',
  linkSeconds: longestLinkSeconds,
  ...changes,
});

async function stored(name = 'clip.mp4', changes: Partial<BucketSettings> = {}, signal?: AbortSignal) {
  const file = await openLocalFile(join(folder, name), [folder]);
  const progress: number[] = [];
  try {
    const link = await createBucket(settings(changes)).store(file, {
      contentType: 'video/mp4',
      extension: 'mp4',
      signal,
      progress: (bytes) => progress.push(bytes),
    });
    return { link, progress };
  } finally {
    await file.close();
  }
}

async function refused(...args: Parameters<typeof stored>): Promise<Failure> {
  const error: unknown = await stored(...args).catch((thrown: unknown) => thrown);
  if (!(error instanceof Failure)) throw error;
  const shown = JSON.stringify([error.message, error.advice, error.code, error.problems]);
  expect(shown).not.toMatch(/X-Amz|Signature=|the-key-id|the-secret/);
  return error;
}

/** Amazon S3 API reference, "Authenticating requests: using query parameters": its worked example. */
const vector = {
  secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  signature: 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  now: Date.UTC(2013, 4, 24),
};

describe('signatures', () => {
  const example = () =>
    presign(
      settings({
        endpoint: 'https://s3.amazonaws.com',
        region: 'us-east-1',
        bucket: 'examplebucket',
        accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
        secretAccessKey: vector.secret,
        addressing: 'virtual',
      }),
      { method: 'GET', key: 'test.txt', seconds: 86_400 },
      vector.now,
    );

  it('are those of the published example, here and in the witness', async () => {
    const url = new URL(await example());
    expect(url.origin + url.pathname).toBe('https://examplebucket.s3.amazonaws.com/test.txt');
    expect(url.searchParams.get('X-Amz-Date')).toBe('20130524T000000Z');
    expect(url.searchParams.get('X-Amz-Signature')).toBe(vector.signature);
    expect(expectedSignature('GET', url, url.host, vector.secret)).toBe(vector.signature);
    // The planted fault: any change to what is signed is seen.
    url.searchParams.set('X-Amz-Expires', '86401');
    expect(expectedSignature('GET', url, url.host, vector.secret)).not.toBe(vector.signature);
  });

  it.each([
    [
      'path',
      'https://store.example:9000/base/',
      'https://store.example:9000/base/media/digital-human/results/',
    ],
    ['virtual', 'https://store.example', 'https://media.store.example/digital-human/results/'],
  ] as const)(
    'hold with %s addressing, with a session token, for both halves of an offer',
    async (...args) => {
      const [addressing, endpoint, start] = args;
      const bucket = createBucket(settings({ addressing, endpoint, sessionToken: 'token/+=' }));
      const before = Date.now();
      const offer = await bucket.offer('MP4', 'video/mp4');
      for (const [method, address] of [
        ['PUT', offer.putUrl],
        ['GET', offer.getUrl],
      ] as const) {
        const url = new URL(address);
        expect(url.origin + url.pathname).toMatch(new RegExp(`^${start}[-0-9a-f]{36}\\.mp4$`));
        expect(url.pathname.endsWith(offer.key)).toBe(true);
        expect(url.searchParams.get('X-Amz-Security-Token')).toBe('token/+=');
        expect(url.searchParams.get('X-Amz-Expires')).toBe('604800');
        expect(url.searchParams.get('X-Amz-Signature')).toBe(
          expectedSignature(method, url, url.host, store.secret),
        );
      }
      expect(offer.expiresAt - before).toBeGreaterThanOrEqual(604_800_000);
      expect((await bucket.offer('mp4')).key).not.toBe(offer.key);
    },
  );
});

describe('a file in a bucket', () => {
  it('is named by its content, stored once, and read by a link', async () => {
    const first = await stored();
    expect(store.methods()).toEqual(['HEAD', 'PUT']);
    const path = `/media/digital-human/${digest}.mp4`;
    expect(store.objects.get(path)).toEqual({ bytes: content.length, sha256: digest, type: 'video/mp4' });
    expect(first.progress).toEqual([content.length]);
    const again = await stored();
    expect(store.methods()).toEqual(['HEAD', 'PUT', 'HEAD']);
    expect(again.progress).toEqual([]);
    expect(new URL(again.link.url).pathname).toBe(path);
    const reply = await fetch(again.link.url);
    expect([reply.status, await reply.text()]).toEqual([200, digest]);
    expect(again.link.expiresAt).toBeGreaterThan(Date.now() + 604_700_000);
  });

  it('is stored again when what lies there is not all of it', async () => {
    store.objects.set(`/media/digital-human/${digest}.mp4`, { bytes: 3, sha256: '', type: '' });
    await stored();
    expect(store.methods()).toEqual(['HEAD', 'PUT']);
  });

  it('is stored by keys that may not look', async () => {
    store.script = [
      { method: 'HEAD', status: 403 },
      { method: 'GET', status: 403, code: 'AccessDenied' },
    ];
    await stored();
    expect(store.methods()).toEqual(['HEAD', 'GET', 'PUT']);
    expect(store.objects.size).toBe(1);
  });

  it('can be put where a cloud was offered a place, and read as what was said', async () => {
    const offer = await createBucket(settings()).offer('srt', 'application/x-subrip');
    const put = await fetch(offer.putUrl, {
      method: 'PUT',
      body: 'words',
      headers: { 'content-type': 'text/plain' },
    });
    expect(put.status).toBe(200);
    const reply = await fetch(offer.getUrl);
    expect([reply.status, reply.headers.get('content-type')]).toEqual([200, 'application/x-subrip']);
    // The address to write does not read, and the other way round.
    expect((await fetch(offer.putUrl)).status).toBe(403);
    expect((await fetch(offer.getUrl, { method: 'PUT', body: 'x' })).status).toBe(403);
  });

  it('streams: memory does not grow with it', async () => {
    const bytes = 240 * 1024 * 1024;
    await writeFile(join(folder, 'large.mp4'), '');
    await truncate(join(folder, 'large.mp4'), bytes);
    await stored('large.mp4');
    store.clear();
    const before = process.memoryUsage().rss;
    let most = before;
    const file = await openLocalFile(join(folder, 'large.mp4'), [folder]);
    let calls = 0;
    await createBucket(settings()).store(file, {
      contentType: 'video/mp4',
      extension: 'mp4',
      progress: () => {
        calls += 1;
        if (calls % 16 === 0) most = Math.max(most, process.memoryUsage().rss);
      },
    });
    await file.close();
    expect(calls).toBeGreaterThan(100);
    expect(store.receivedBytes).toBe(bytes);
    // Both ends are in this process.
    expect((most - before) / 2 ** 20).toBeLessThan(40);
  });
});

describe('a refusal', () => {
  it.each([
    ['HEAD', 403, 'SignatureDoesNotMatch', 'credentials'],
    ['HEAD', 403, 'InvalidAccessKeyId', 'credentials'],
    ['HEAD', 400, 'ExpiredToken', 'credentials'],
    ['HEAD', 403, 'RequestTimeTooSkewed', 'credentials'],
    ['PUT', 403, 'AccessDenied', 'permission'],
    ['PUT', 404, 'NoSuchBucket', 'storage'],
    ['PUT', 400, 'constructor', 'storage'],
    ['PUT', 503, 'SlowDown', 'network'],
    ['PUT', 500, undefined, 'network'],
    ['HEAD', 301, undefined, 'storage'],
  ] as const)('to %s with %i %s is one of kind %s', async (method, status, code, kind) => {
    const message = 'See https://store.example/a?X-Amz-Signature=abc for\nmore.';
    store.script = [
      { method, status, code, message },
      { method: 'GET', status, code, message },
    ];
    const failure = await refused();
    expect(failure).toMatchObject({ kind, retryable: kind === 'network', code });
    if (code) expect(failure.message).toContain(`"${code}"`);
    // What HEAD already tells costs no upload.
    if (method === 'HEAD') expect(store.receivedBytes).toBe(0);
    expect(store.objects.size).toBe(0);
  });

  it('with wrong keys is found before a byte is sent', async () => {
    const failure = await refused('clip.mp4', { secretAccessKey: 'wrong' });
    expect(failure).toMatchObject({ kind: 'credentials', code: 'SignatureDoesNotMatch' });
    expect(store.methods()).toEqual(['HEAD', 'GET']);
    expect(store.receivedBytes).toBe(0);
  });

  it('in the middle of a large upload is heard', async () => {
    await writeFile(join(folder, 'long.mp4'), Buffer.alloc(24 * 1024 * 1024, 5));
    store.script = [{ method: 'PUT', status: 403, code: 'AccessDenied', early: true }];
    const failure = await refused('long.mp4');
    expect(failure).toMatchObject({ kind: 'permission', code: 'AccessDenied' });
    expect(store.objects.size).toBe(0);
  });

  it('comes from a file that changes while it is sent: nothing is stored', async () => {
    const path = join(folder, 'changing.mp4');
    await writeFile(path, Buffer.alloc(4 * 1024 * 1024, 5));
    await utimes(path, 1_700_000_000, 1_700_000_000);
    const file = await openLocalFile(path, [folder]);
    await file.sha256();
    await writeFile(path, Buffer.alloc(4 * 1024 * 1024, 6));
    const options = { contentType: 'video/mp4', extension: 'mp4' };
    await expect(
      createBucket(settings()).store({ ...file, sha256: async () => digest }, options),
    ).rejects.toMatchObject({ kind: 'storage' });
    await file.close();
    expect(store.methods()).toEqual(['HEAD', 'PUT']);
    expect(store.objects.size).toBe(0);
  });

  it('comes from a port where nobody listens, and from a signal', async () => {
    const endpoint = `http://127.0.0.1:${await closedPort()}`;
    expect(await refused('clip.mp4', { endpoint })).toMatchObject({ kind: 'network', retryable: true });
    const failure = await refused('clip.mp4', {}, AbortSignal.abort());
    expect(failure).toMatchObject({ kind: 'cancelled' });
    expect(store.requests).toHaveLength(0);
  });
});

describe('an independent store', () => {
  let other: S3rver;
  let endpoint: string;
  beforeAll(async () => {
    const directory = join(folder, 's3rver');
    other = new S3rver({
      address: '127.0.0.1',
      port: 0,
      silent: true,
      directory,
      configureBuckets: [{ name: 'media' }],
    });
    endpoint = `http://127.0.0.1:${(await other.run()).port}`;
  });
  afterAll(() => other.close());

  const theirs = (changes: Partial<BucketSettings> = {}) => ({
    endpoint,
    accessKeyId: 'S3RVER',
    secretAccessKey: 'S3RVER',
    region: 'us-east-1',
    ...changes,
  });

  it('takes a file once, gives it back, and takes what is offered', async () => {
    const first = await stored('clip.mp4', theirs());
    const second = await stored('clip.mp4', theirs());
    expect([first.progress, second.progress]).toEqual([[content.length], []]);
    const reply = await fetch(second.link.url);
    expect(reply.headers.get('content-type')).toBe('video/mp4');
    expect(Buffer.from(await reply.arrayBuffer())).toEqual(content);
    const bucket = createBucket(settings(theirs()));
    const offer = await bucket.offer('mp4', 'video/mp4');
    expect((await fetch(offer.getUrl)).status).toBe(404);
    expect((await fetch(offer.putUrl, { method: 'PUT', body: content })).status).toBe(200);
    const back = await fetch(offer.getUrl);
    expect(back.headers.get('content-type')).toBe('video/mp4');
    expect(Buffer.from(await back.arrayBuffer())).toEqual(await readFile(join(folder, 'clip.mp4')));
  });

  it('refuses unknown keys and an unknown bucket in words that are understood', async () => {
    expect(await refused('clip.mp4', theirs({ accessKeyId: 'NOBODY' }))).toMatchObject({
      kind: 'credentials',
      code: 'InvalidAccessKeyId',
    });
    expect(await refused('clip.mp4', theirs({ bucket: 'nowhere' }))).toMatchObject({
      kind: 'storage',
      code: 'NoSuchBucket',
    });
  });
});
