import type { Job, JobOutput } from '../core/job.ts';
import type { Log } from '../log.ts';
import { download } from '../media/download.ts';
import type { JobEngine } from './engine.ts';

export interface DownloadsOptions {
  readonly directory: string;
  readonly allowPrivateAddresses: boolean;
  readonly engine: JobEngine;
  readonly log: Log;
}

/** One call waits at most this long; the download itself goes on behind it. */
const patienceMs = 40_000;

const extensions: Readonly<Record<string, string>> = {
  'video/mp4': 'mp4',
  'video/webm': 'webm',
  'video/quicktime': 'mov',
  'audio/mpeg': 'mp3',
  'audio/wav': 'wav',
  'application/x-subrip': 'srt',
};

/** A name that sorts by time, says what made it, and holds nothing that came from a cloud. */
function fileName(job: Job, output: JobOutput, index: number): string {
  const moment = new Date(job.createdAt).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  const suffix = index === 0 ? '' : `-${output.kind}`;
  const tail = job.id.replace('job_', '').slice(0, 8);
  return `${moment}-${job.tool}-${tail}${suffix}.${extensions[output.mimeType] ?? 'bin'}`;
}

/** Results on this machine's disk. A job is downloaded once at a time, however many calls ask for it. */
export class Downloads {
  readonly #options: DownloadsOptions;
  readonly #underway = new Map<string, Promise<Job>>();

  constructor(options: DownloadsOptions) {
    this.#options = options;
  }

  /** The job with `localPath` on every output, or as far as it has come after 40 s. */
  async fetch(job: Job): Promise<Job> {
    const started = this.#underway.get(job.id) ?? this.#start(job);
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), patienceMs);
    });
    const done = await Promise.race([started, patience]).finally(() => clearTimeout(timer));
    return done ?? this.#options.engine.get(job.id);
  }

  #start(job: Job): Promise<Job> {
    const work = this.#store(job).finally(() => this.#underway.delete(job.id));
    this.#underway.set(job.id, work);
    work.catch((error: unknown) => this.#options.log.warn('a download failed', { job: job.id, error }));
    return work;
  }

  async #store(job: Job): Promise<Job> {
    const { directory, allowPrivateAddresses, engine, log } = this.#options;
    const outputs: JobOutput[] = [];
    for (const [index, output] of job.outputs.entries()) {
      const request = {
        url: output.url,
        directory,
        fileName: fileName(job, output, index),
        allowPrivateAddresses,
      };
      const { path: localPath, sizeBytes, sha256 } = await download(request);
      log.info('downloaded', { job: job.id, path: localPath, bytes: sizeBytes });
      outputs.push({ ...output, localPath, sizeBytes, sha256 });
    }
    return engine.recordOutputs(job, outputs);
  }
}
