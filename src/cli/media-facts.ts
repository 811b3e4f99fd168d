import { Ffmpeg } from '../emulator/ffmpeg.ts';

/** What is in a media file, as ffmpeg reports it. Absent streams are empty strings. */
export interface MediaFacts {
  readonly seconds: number;
  /** `WIDTHxHEIGHT` in pixels. */
  readonly size: string;
  readonly videoCodec: string;
  readonly audioCodec: string;
}

/** Decodes a whole file and reports what was in it; a file that does not play throws. */
export async function mediaFacts(file: string): Promise<MediaFacts> {
  const ffmpeg = new Ffmpeg();
  const { code, report } = await ffmpeg.run(['-hide_banner', '-xerror', '-i', file, '-f', 'null', '-']);
  if (code !== 0) throw new Error(`${file} does not play: ${report.slice(-300)}`);
  const [, hours, minutes, seconds] = /Duration: (\d+):(\d+):([\d.]+)/.exec(report) ?? [];
  return {
    seconds: Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds),
    size: /Video:.*?[ ,](\d{2,5}x\d{2,5})[ ,\r\n]/.exec(report)?.[1] ?? '',
    videoCodec: /Stream #0.*Video: (\w+)/.exec(report)?.[1] ?? '',
    audioCodec: /Stream #0.*Audio: (\w+)/.exec(report)?.[1] ?? '',
  };
}
