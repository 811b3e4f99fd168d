import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { operationsAt } from '../../src/clouds/index.ts';
import type { Job } from '../../src/core/job.ts';
import { ChangeFeed } from '../../src/jobs/changes.ts';
import { Copies } from '../../src/jobs/copies.ts';
import type { JobStore } from '../../src/jobs/store.ts';
import { createLog } from '../../src/log.ts';
import { createBucket } from '../../src/media/bucket.ts';
import { loopback } from '../media/loopback.ts';
import { ObjectStore } from '../media/object-store.ts';
import { type ResultStore, resultStore, sha256 } from '../media/result-store.ts';
import { atEnd, newJob, openStore, scratchFile, TestClock } from './harness.ts';

const body = Buffer.from('a video of few bytes');
const hour = 3_600_000;
const log = createLog('silent');

interface Parts {
  /** The job file. */
  readonly path: string;
  readonly store: JobStore;
  readonly objects: ObjectStore;
  readonly results: ResultStore;
  readonly clock: TestClock;
  readonly directory: string;
  /** Starts a process's copying; a second one shares the store. */
  readonly copier: (owner: string) => Promise<Copies>;
  /** A job whose result lies at the address, and is to be copied. */
  readonly ended: (address?: string) => Promise<Job>;
}

async function parts(): Promise<Parts> {
  const clock = new TestClock(Date.now());
  const path = scratchFile();
  const store = await openStore(path, 'watcher', clock.now);
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'copies-')));
  const [objects, results] = [await ObjectStore.start(), await resultStore({ body })];
  atEnd(() => rm(directory, { recursive: true, force: true }));
  atEnd(() => objects.close());
  atEnd(() => results.close());
  const bucket = createBucket({
    endpoint: objects.url,
    region: 'cn-north-1',
    bucket: 'media',
    accessKeyId: 'the-key-id',
    secretAccessKey: objects.secret,
    prefix: 'digital-human/',
    addressing: 'path',
    linkSeconds: 604_800,
  });
  return {
    path,
    store,
    objects,
    results,
    clock,
    directory,
    async copier(owner) {
      const own = await openStore(path, owner, clock.now);
      const changes = await ChangeFeed.open(own, log);
      const copies = new Copies({
        bucket,
        directory,
        allowPrivateAddresses: true,
        store: own,
        changes,
        connections: {},
        operations: operationsAt('cn'),
        now: clock.now,
        log,
      });
      atEnd(() => changes.close());
      atEnd(() => copies.close());
      copies.start();
      return copies;
    },
    async ended(address = results.url) {
      const { job } = await store.insert({ ...newJob(), cloudTaskId: 'task' });
      const output = {
        kind: 'video' as const,
        url: `${address}result.mp4?Signature=abc`,
        mimeType: 'video/mp4',
        expiresAt: clock.ms + 24 * hour,
      };
      const moved = await store.move(job, 'succeeded', { outputs: [output], dueAt: clock.ms });
      if (!moved) throw new Error('the job did not end');
      return moved;
    },
  };
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it never came to hold');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('copies of results', () => {
  it('are made once, however many processes look for them, and leave nothing on the disk', async () => {
    const { store, objects, directory, copier, ended } = await parts();
    const jobs = [await ended()];
    await Promise.all(['one', 'two', 'three'].map(copier));
    const copied = async () => (await store.get(jobs[0]?.id ?? '')) as Job;
    await until(async () => (await copied()).dueAt === undefined);
    expect((await copied()).outputs).toEqual([
      {
        ...jobs[0]?.outputs[0],
        bucketKey: `digital-human/${sha256(body)}.mp4`,
        sizeBytes: body.length,
        sha256: sha256(body),
      },
    ]);
    expect(objects.methods()).toEqual(['HEAD', 'PUT']);
    expect([...objects.objects.values()]).toEqual([
      { bytes: body.length, sha256: sha256(body), type: 'video/mp4' },
    ]);
    expect(await readdir(directory)).toEqual([]);
    expect((await copied()).warnings).toEqual([]);
  });

  it('are tried again when the bucket is away, after a pause', async () => {
    const { store, objects, clock, copier, ended } = await parts();
    const { id } = await ended();
    objects.script = [{ method: 'PUT', status: 503, code: 'SlowDown' }];
    const copies = await copier('one');
    await until(async () => ((await store.get(id))?.attempts ?? 0) === 1);
    const waiting = await store.get(id);
    expect(waiting?.dueAt).toBe(clock.ms + 60_000);
    expect(waiting?.outputs[0]?.bucketKey).toBeUndefined();
    copies.wake();
    clock.ms += 61_000;
    copies.wake();
    await until(async () => (await store.get(id))?.dueAt === undefined);
    expect((await store.get(id))?.outputs[0]?.bucketKey).toBe(`digital-human/${sha256(body)}.mp4`);
    expect(objects.methods().filter((method) => method === 'PUT')).toHaveLength(2);
  });

  it('of a dead process are made by another when its lease has run out', async () => {
    const { path, store, objects, clock, copier, ended } = await parts();
    const { id } = await ended();
    expect(await store.claims.copies(5, hour)).toHaveLength(1);
    expect(await store.claims.copies(5, hour)).toHaveLength(0);
    // Whoever copies asks no cloud, so nobody's share of the questions is smaller for it.
    const other = await openStore(path, 'other', clock.now);
    expect(await other.claims.activeOwners()).toBe(1);
    const copies = await copier('one');
    clock.ms += hour + 1;
    copies.wake();
    await until(async () => (await store.get(id))?.dueAt === undefined);
    expect(objects.methods()).toEqual(['HEAD', 'PUT']);
  });

  it('are given up with a word when the link has died', async () => {
    const { store, objects, copier, ended } = await parts();
    const dead = await loopback((_, response) => void response.writeHead(403).end());
    atEnd(() => dead.close());
    const { id } = await ended(dead.url);
    await copier('one');
    await until(async () => (await store.get(id))?.dueAt === undefined);
    const job = await store.get(id);
    expect(job?.warnings).toEqual([expect.stringMatching(/^Not copied to the bucket: /)]);
    expect(job?.outputs[0]?.bucketKey).toBeUndefined();
    expect(objects.methods()).toEqual([]);
  });

  it('are given up when their links and their task have come to their end', async () => {
    const { store, objects, clock, copier, ended } = await parts();
    objects.script = [{ method: 'PUT', status: 503, code: 'SlowDown' }];
    const { id } = await ended();
    clock.ms += 30 * 24 * hour;
    await copier('one');
    await until(async () => (await store.get(id))?.dueAt === undefined);
    expect((await store.get(id))?.warnings).toEqual([expect.stringContaining('"SlowDown"')]);
  });

  it('of many jobs with one content are one object', async () => {
    const { store, objects, copier, ended } = await parts();
    const { id } = await ended();
    const copies = await copier('one');
    await until(async () => (await store.get(id))?.dueAt === undefined);
    const row = await store.insert({ ...newJob(), cloudTaskId: 'another' });
    const output = { ...(await store.get(id))?.outputs[0], bucketKey: undefined } as Job['outputs'][number];
    await store.move(row.job, 'succeeded', { outputs: [output], dueAt: 0 });
    copies.wake();
    await until(async () => (await store.get(row.job.id))?.dueAt === undefined);
    expect(objects.methods()).toEqual(['HEAD', 'PUT', 'HEAD']);
  });
});
