import { describe, expect, it } from 'vitest';
import type { CloudConnection } from '../../src/clouds/exchange.ts';
import { operationsAt } from '../../src/clouds/index.ts';
import { Failure } from '../../src/core/failure.ts';
import type { Job, JobOutput } from '../../src/core/job.ts';
import type { DownloadStatus } from '../../src/jobs/downloads.ts';
import { freshLinks, taskEndsAt } from '../../src/jobs/fresh-links.ts';
import { fileName } from '../../src/jobs/result-files.ts';
import { Turns } from '../../src/jobs/turns.ts';
import { jobResult } from '../../src/mcp/job-result.ts';

const hour = 3_600_000;
const submittedAt = Date.parse('2026-01-02T03:04:05Z');
const operations = operationsAt('cn');
const output: JobOutput = {
  kind: 'video',
  url: 'https://results.example/old.mp4?Signature=a',
  mimeType: 'video/mp4',
  expiresAt: submittedAt + 24 * hour,
};
const job: Job = {
  id: 'job_AbCdEfGhIjKl',
  principal: '',
  tool: 'submit_portrait_sing',
  cloud: 'vclm',
  account: 'a',
  lane: 'vclm-portrait-sing',
  status: 'succeeded',
  input: {},
  inputDigest: '',
  cloudTaskId: '1234',
  outputs: [output],
  warnings: [],
  sandbox: false,
  createdAt: submittedAt,
  updatedAt: submittedAt,
  submittedAt,
  attempts: 0,
  revision: 1,
};

describe('a fresh link', () => {
  const asked: string[] = [];
  const answering = (reply: unknown) => {
    asked.length = 0;
    const query = (_wire: unknown, task: string) => {
      asked.push(task);
      return Promise.resolve(reply);
    };
    return { vclm: { account: 'a', query } as unknown as CloudConnection };
  };
  const done = (url: string) => ({ StatusCode: 'DONE', ResultVideoUrl: url });
  const at = (now: number, connections: ReturnType<typeof answering>) => ({
    connections,
    operations,
    now: () => now,
  });

  it('comes from asking after the task, and is not said to outlive it', async () => {
    const url = 'https://results.example/new.mp4?Signature=b';
    const first = await freshLinks(job, at(submittedAt + hour, answering(done(url))));
    expect(first).toEqual([{ ...output, url, expiresAt: submittedAt + 25 * hour }]);
    const late = await freshLinks(job, at(submittedAt + 40 * hour, answering(done(url))));
    expect(late?.[0]?.expiresAt).toBe(submittedAt + 48 * hour);
    expect(asked).toEqual(['1234']);
  });

  it('changes nothing when it is the old one', async () => {
    const found = await freshLinks(job, at(submittedAt + 30 * hour, answering(done(output.url))));
    expect(found).toEqual([output]);
  });

  it('is not asked for after the life of the task, nor without a task or keys', async () => {
    const connections = answering(done('https://results.example/new.mp4'));
    const late = submittedAt + 48 * hour;
    expect(taskEndsAt(job, operations)).toBe(late);
    expect(await freshLinks(job, at(late, connections))).toBeUndefined();
    expect(
      await freshLinks({ ...job, cloudTaskId: undefined }, at(submittedAt, connections)),
    ).toBeUndefined();
    expect(await freshLinks(job, { ...at(submittedAt, connections), connections: {} })).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it('is none when the task now has other outputs', async () => {
    const two = { ...job, outputs: [output, { ...output, kind: 'subtitles' as const }] };
    expect(
      await freshLinks(two, at(submittedAt, answering(done('https://r.example/n.mp4')))),
    ).toBeUndefined();
    expect(asked).toHaveLength(1);
  });
});

describe('what the answer says of a finished job', () => {
  const failure = new Failure({ kind: 'network', message: 'It broke.', advice: 'Mend it.' });
  const status = (state: DownloadStatus['state'], more: Partial<DownloadStatus> = {}): DownloadStatus => ({
    state,
    bytes: 5,
    ...more,
  });
  const soon = submittedAt + hour;
  const late = submittedAt + 30 * hour;
  const taskEnd = submittedAt + 48 * hour;

  it.each([
    ['nothing yet', soon, undefined, /^Done\. Call download_result before 2026-01-03T/],
    ['waiting', soon, status('waiting'), /waits for others.*Call download_result to wait/],
    ['under way', soon, status('underway', { totalBytes: 9 }), /5 of 9 bytes downloaded\. Call/],
    ['tried again', soon, status('underway', { failure }), /tried again soon, after: It broke/],
    ['failed', soon, status('failed', { failure }), /Call download_result again before 2026-01-03T/],
    [
      'expired, the task alive',
      late,
      undefined,
      /expired.*VCLM answers for the task until 2026-01-04T.*fresh/,
    ],
    ['expired, the task gone', taskEnd, undefined, /expired.*no longer answers.*console.*billed again/],
  ])('%s', (_name, now, download, next) => {
    expect(jobResult(job, { now, reach: 'local', download, taskEndsAt: taskEnd }).next).toMatch(next);
  });

  it('warns of a failed download, and only while the files are not here', () => {
    const facts = {
      now: soon,
      reach: 'local' as const,
      taskEndsAt: taskEnd,
      download: status('failed', { failure }),
    };
    expect(jobResult(job, facts).warnings).toEqual(['The download failed: It broke. Mend it.']);
    const here = { ...job, outputs: [{ ...output, localPath: '/out/a.mp4' }] };
    const result = jobResult(here, facts);
    expect(result.warnings).toBeUndefined();
    expect(result.next).toBe('Done; the files are at local_path.');
  });
});

describe('a result’s file name', () => {
  it('sorts by time, says what made it, and takes nothing from a cloud', () => {
    const evil = { ...output, url: 'https://results.example/../../evil.sh', mimeType: 'text/../../x' };
    expect(fileName(job, output, 0)).toBe('20260102-030405-submit_portrait_sing-AbCdEfGh.mp4');
    expect(fileName(job, evil, 1)).toBe('20260102-030405-submit_portrait_sing-AbCdEfGh-video.bin');
  });
});

describe('turns', () => {
  it('lets two work at once, whoever fails, and calls an owner forward', async () => {
    const turns = new Turns(2);
    const order: string[] = [];
    const ends = new Map<string, () => void>();
    let running = 0;
    let most = 0;
    const works = ['a', 'b', 'c', 'd', 'e'].map((owner) =>
      turns
        .take(owner, async () => {
          order.push(owner);
          most = Math.max(most, (running += 1));
          await new Promise<void>((done) => ends.set(owner, done));
          running -= 1;
          if (owner === 'a') throw new Error('failed');
        })
        .catch(() => undefined),
    );
    turns.callForward('e');
    expect([turns.isWaiting('e'), turns.isWaiting('a')]).toEqual([true, false]);
    for (const owner of ['a', 'b', 'e', 'c', 'd']) {
      await expect.poll(() => ends.has(owner)).toBe(true);
      ends.get(owner)?.();
    }
    await Promise.all(works);
    expect(order).toEqual(['a', 'b', 'e', 'c', 'd']);
    expect(most).toBe(2);
  });
});
