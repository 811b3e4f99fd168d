import { Failure } from '../core/failure.ts';
import type { MediaFacts } from '../core/media-facts.ts';
import { type ContainerFacts, readContainer } from './container-facts.ts';
import { type CountingLimits, countSeconds, hasFrameCount } from './exact-duration.ts';
import { readImage } from './image-facts.ts';
import { countPages } from './page-count.ts';
import type { RangedSource } from './ranged-source.ts';
import { ReadAhead } from './read-ahead.ts';
import { type Sniffed, sniff } from './sniff.ts';

export interface ProbeOptions {
  /** Limits in seconds near which a header is not believed, e.g. `[2, 60]`. */
  readonly near?: readonly number[];
}

const megabyte = 1024 * 1024;

function unusable(message: string): Failure {
  return new Failure({
    kind: 'media',
    message,
    advice: 'Open the file in a player; if it does not play, export or download it again.',
  });
}

const isClose = (seconds: number, limits: readonly number[]) =>
  limits.some((limit) => Math.abs(seconds - limit) <= Math.max(2, limit / 10));

/** Sound whose length only its frames tell, and video in fragments that each tell their own. */
async function isGuess(file: ReadAhead, { format, seconds }: ContainerFacts): Promise<boolean> {
  if (seconds === undefined || format === 'aac') return true;
  if (format === 'mp3') return !(await hasFrameCount(file));
  const head = Buffer.from(await file.read(0, 256 * 1024));
  return (format === 'mp4' || format === 'm4a' || format === 'mov') && head.includes('mvex');
}

/** Counting MP3 and AAC reads all of them; other formats have an index, so 16 MiB is plenty. */
function countingLimits({ format, seconds }: ContainerFacts, near: readonly number[]): CountingLimits {
  if (format !== 'mp3' && format !== 'aac') return { bytes: 16 * megabyte, requests: 64, throughout: false };
  const decisive = seconds === undefined || isClose(seconds, near);
  return { bytes: (decisive ? 100 : 32) * megabyte, requests: 128, throughout: true };
}

async function durationOf(
  file: ReadAhead,
  facts: ContainerFacts,
  near: readonly number[],
): Promise<Pick<MediaFacts, 'seconds' | 'secondsExact'>> {
  const { seconds } = facts;
  if (facts.kind === 'image') return { secondsExact: false };
  const guess = await isGuess(file, facts);
  if (!file.missed && (guess || isClose(seconds ?? 0, near))) {
    const counted = await countSeconds(file, countingLimits(facts, near));
    if (counted !== undefined && !file.missed) return { seconds: counted, secondsExact: !facts.truncated };
  }
  return { seconds, secondsExact: seconds !== undefined && !guess && !facts.truncated && !file.missed };
}

async function streamFacts(
  file: ReadAhead,
  sniffed: Sniffed | undefined,
  near: readonly number[],
): Promise<Omit<MediaFacts, 'complete'>> {
  const facts = await readContainer(file);
  if (facts) return { ...facts, ...(await durationOf(file, facts, near)) };
  if (!sniffed) throw unusable('The content is no image, sound, video or document that is known here.');
  if (!file.missed)
    throw unusable(`The file begins like ${sniffed.format}, but cannot be read: it is broken or cut short.`);
  const kind = sniffed.format === 'm4a' ? 'audio' : 'video';
  return { format: sniffed.format, kind, secondsExact: false, truncated: false };
}

async function factsOf(file: ReadAhead, near: readonly number[]): Promise<Omit<MediaFacts, 'complete'>> {
  const head = await file.read(0, 4096);
  if (head.length === 0) throw unusable('The file is empty.');
  const sniffed = sniff(head);
  switch (sniffed?.family) {
    case 'text':
      throw unusable('The content is text, such as a web page or an error message, and no media.');
    case 'document': {
      const pages = await countPages(file, sniffed.format);
      return { format: sniffed.format, kind: 'document', pages, secondsExact: false, truncated: false };
    }
    case 'image': {
      const image = await readImage(file, sniffed.format);
      if (image) return { format: sniffed.format, kind: 'image', secondsExact: false, ...image };
      throw unusable(`The image begins like ${sniffed.format}, but its header is broken or cut short.`);
    }
    default:
      return streamFacts(file, sniffed, near);
  }
}

/**
 * Finds out what a file is, reading as little of it as will do. The source stays open.
 * @throws `media` when the content is no media or cannot be read as any, and what the source throws
 */
export async function probe(source: RangedSource, options: ProbeOptions = {}): Promise<MediaFacts> {
  if (source.size === 0) throw unusable('The file is empty.');
  const file = new ReadAhead(source, source.size ?? source.reach ?? 0);
  const facts = await factsOf(file, options.near ?? []);
  return {
    ...facts,
    ...(source.size !== undefined && { bytes: source.size }),
    complete: !file.missed && source.size !== undefined,
  };
}
