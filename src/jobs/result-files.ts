import { stat } from 'node:fs/promises';
import type { Job, JobOutput } from '../core/job.ts';

const extensions: Readonly<Record<string, string>> = {
  'video/mp4': 'mp4',
  'video/webm': 'webm',
  'video/quicktime': 'mov',
  'audio/mpeg': 'mp3',
  'audio/wav': 'wav',
  'application/x-subrip': 'srt',
};

/** Of a file's name, without a dot. */
export function extensionOf({ mimeType }: JobOutput): string {
  return extensions[mimeType] ?? 'bin';
}

/** A name that sorts by time, says what made it, and holds nothing that came from a cloud. */
export function fileName(job: Job, output: JobOutput, index: number): string {
  const moment = new Date(job.createdAt).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  const suffix = index === 0 ? '' : `-${output.kind}`;
  const tail = job.id.replace('job_', '').slice(0, 8);
  return `${moment}-${job.tool}-${tail}${suffix}.${extensionOf(output)}`;
}

/** True when a recorded file is still where it was stored, in its size. */
export async function isOnDisk({ localPath, sizeBytes }: JobOutput): Promise<boolean> {
  if (localPath === undefined) return false;
  const found = await stat(localPath).catch(() => undefined);
  return found?.isFile() === true && found.size === sizeBytes;
}
