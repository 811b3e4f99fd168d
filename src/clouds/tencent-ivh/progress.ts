import * as z from 'zod';
import type { Lane, Sentence, TaskOutput, TaskState } from '../../core/operation.ts';
import { inputPath } from '../../core/spelling.ts';
import { ivhCallErrors, ivhTaskErrors, unlistedIvhError } from './errors.ts';

export const submitReply = z.looseObject({ TaskId: z.string().min(1) });

const sentence = z.looseObject({
  Sentence: z.string(),
  Words: z.array(z.looseObject({ Word: z.string(), StartTimestamp: z.number(), EndTimestamp: z.number() })),
});

/** Reply of both progress endpoints (2025-12-10; PPT 2026-04-01). The published success samples omit Status. */
export const progressReply = z.looseObject({
  Progress: z.number().optional(),
  MediaUrl: z.string().optional(),
  SubtitlesUrl: z.string().optional(),
  Status: z.string().optional(),
  ArrayCount: z.number().optional(),
  FailCode: z.number().optional(),
  FailMessage: z.string().optional(),
  Duration: z.number().optional(),
  TextTimestampResult: z.array(sentence).nullish(),
});

type Progress = z.output<typeof progressReply>;

const getProgress = '/v2/ivh/videomaker/broadcastservice/getprogress';
export const getPptProgress = '/v2/ivh/mediaproduction/mediaproduction/getprogress';

/** Media is kept seven days (getprogress page, 2025-12-10). */
const mediaLifetimeSeconds = 7 * 24 * 3600;

/** Five unfinished video jobs per avatar type by default, one more for each purchased path (FAQ, 2025-07-11). */
export const avatarVideoLane = { name: 'ivh-video', size: 5 } as const satisfies Lane;
export const noTrainingLane = { name: 'ivh-video-no-training', size: 5 } as const satisfies Lane;

/** One speech job and one PPT job at a time by default (FAQ, 2025-07-11; PPT page, 2026-04-01). */
export const speechLane = { name: 'ivh-speech', size: 1 } as const satisfies Lane;
export const pptLane = { name: 'ivh-ppt', size: 1 } as const satisfies Lane;

/** What every IVH wire has in common. */
export const ivhWire = {
  cloud: 'ivh',
  errors: { call: ivhCallErrors, task: ivhTaskErrors, unlisted: unlistedIvhError },
  status: { address: getProgress, reply: progressReply },
  resultLifetimeSeconds: mediaLifetimeSeconds,
  taskLifetimeSeconds: mediaLifetimeSeconds,
} as const;

/** What every IVH tool has in common. */
export const ivhTool = {
  inputField: inputPath,
  taskId: (reply: z.output<typeof submitReply>) => reply.TaskId,
  decode: (reply: Progress) => decodeProgress(reply, 'video'),
};

const mimeTypes: Readonly<Record<string, string>> = {
  mp4: 'video/mp4',
  webm: 'video/webm',
  mov: 'video/quicktime',
  mp3: 'audio/mpeg',
  wav: 'audio/wav',
};

/** The type of a result, by the ending of its address; the replies do not name it. */
function mimeType(url: string, fallback: string): string {
  const path = URL.canParse(url) ? new URL(url).pathname : url;
  return mimeTypes[/\.(\w{3,4})$/.exec(path.toLowerCase())?.[1] ?? ''] ?? fallback;
}

/** Timestamps come in tenths of a microsecond. */
const milliseconds = (timestamp: number) => Math.round(timestamp / 10_000);

function sentences(reply: Progress): readonly Sentence[] | undefined {
  const found = reply.TextTimestampResult?.map(({ Sentence: text, Words: words }) => ({
    text,
    words: words.map(({ Word: word, StartTimestamp, EndTimestamp }) => ({
      text: word,
      startMs: milliseconds(StartTimestamp),
      endMs: milliseconds(EndTimestamp),
    })),
  }));
  return found?.length ? found : undefined;
}

/** Reads a progress reply. Progress is documented as meaningless, so Status decides; without it, -1 and MediaUrl do. */
export function decodeProgress(reply: Progress, kind: 'video' | 'audio'): TaskState {
  const status = reply.Status || (reply.Progress === -1 ? 'FAIL' : reply.MediaUrl ? 'SUCCESS' : 'MAKING');
  switch (status) {
    case 'COMMIT':
      return { state: 'pending', queuePosition: reply.ArrayCount };
    case 'MAKING':
      return { state: 'running' };
    case 'SUCCESS': {
      if (!reply.MediaUrl) return { state: 'running' };
      const type = mimeType(reply.MediaUrl, kind === 'video' ? 'video/mp4' : 'audio/mpeg');
      const durationMs = reply.Duration || undefined;
      const outputs: TaskOutput[] = [{ kind, mimeType: type, url: reply.MediaUrl, durationMs }];
      if (reply.SubtitlesUrl)
        outputs.push({ kind: 'subtitles', url: reply.SubtitlesUrl, mimeType: 'application/x-subrip' });
      return { state: 'done', outputs, sentences: sentences(reply) };
    }
    case 'FAIL':
      return { state: 'failed', code: String(reply.FailCode ?? ''), message: reply.FailMessage ?? '' };
    default:
      return { state: 'pending', unrecognised: status };
  }
}
