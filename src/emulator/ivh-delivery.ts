import { readFile } from 'node:fs/promises';
import { CloudError } from './cloud-error.ts';
import type { Made, Task } from './lifecycle.ts';
import type { Rendered } from './render.ts';
import type { Log } from './world.ts';

const deliveryTimeoutMs = 15_000;

/** Where a caller wants results stored, by the name of the field. */
export interface Storage {
  readonly VideoStorageS3Url?: string;
  readonly AudioStorageS3Url?: string;
  readonly SubtitleStorageS3Url?: string;
}

/** Uploads the results of a task to the addresses that the caller signed. */
export async function storeResults(wanted: Storage, made: Made, signal: AbortSignal): Promise<void> {
  const { VideoStorageS3Url: video, AudioStorageS3Url: audio, SubtitleStorageS3Url: subtitles } = wanted;
  if (video) await storeResult('VideoStorageS3Url', video, made.file, signal);
  if (audio) await storeResult('AudioStorageS3Url', audio, made.file, signal);
  if (subtitles && made.subtitles)
    await storeResult('SubtitleStorageS3Url', subtitles, made.subtitles, signal);
}

/**
 * Uploads one file, once.
 * @throws CloudError 801015 when it is not taken (result codes, 2025-05-14)
 */
async function storeResult(field: string, url: string, file: Rendered, signal: AbortSignal): Promise<void> {
  const refused = (text: string) => new CloudError('801015', `upload to ${field} failed: ${text}`);
  const body = await readFile(file.path);
  const both = AbortSignal.any([signal, AbortSignal.timeout(deliveryTimeoutMs)]);
  const response = await fetch(url, { method: 'PUT', body, signal: both }).catch((error: unknown) => {
    throw refused(String(error));
  });
  await response.body?.cancel();
  if (!response.ok) throw refused(`HTTP ${response.status}`);
}

/**
 * Posts the end of a task to its callback address. One attempt whatever comes back, unsigned, without
 * FailCode: so it is documented (appendix 2, 2024-11-13).
 */
export async function postCallback(url: string, task: Task, log: Log): Promise<void> {
  const done = task.phase === 'done';
  const payload = {
    Progress: done ? 100 : -1,
    MediaUrl: task.result?.url ?? '',
    SubtitlesUrl: task.result?.subtitlesUrl ?? '',
    Status: done ? 'SUCCESS' : 'FAIL',
    FailMessage: task.failure?.message ?? '',
    TaskId: task.id,
  };
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json;charset=utf-8' },
      body: JSON.stringify({ Payload: payload }),
      redirect: 'manual',
      signal: AbortSignal.timeout(deliveryTimeoutMs),
    });
    await response.body?.cancel();
    if (!response.ok) log('emulator: a callback was refused', { task_id: task.id, status: response.status });
  } catch (error) {
    log('emulator: a callback was not delivered', { task_id: task.id, error: String(error) });
  }
}
