import type { Problem } from '../core/failure.ts';
import type { MediaFacts } from '../core/media-facts.ts';
import type { MediaAspect, MediaFindings, MediaLimits } from '../core/operation.ts';
import * as mends from './mends.ts';

/** Clocks of sound and picture round; a clip cut to exactly 2 s must pass. */
const secondsTolerance = 0.05;
const frameRateTolerance = 0.01;

type Range = readonly [number, number];

interface Verdict {
  readonly aspect: MediaAspect;
  readonly value: string;
  readonly limit: string;
  readonly mend: string;
  /** The measurement itself is unsure, so that a refusal would be too. */
  readonly unsure?: boolean;
}

const megabytes = (bytes: number) => `${Math.round((bytes / 1024 ** 2) * 100) / 100} MB`;
const short = (value: number) => `${Math.round(value * 100) / 100}`;
const outside = (value: number, [low, high]: Range, tolerance = 0) =>
  value < low - tolerance || value > high + tolerance;
const within = ([low, high]: Range, unit: string) => `is outside ${short(low)} to ${short(high)}${unit}`;

const tenThousandths = (value: number) => Math.round(value * 10_000) / 10_000;
/** Width to height, spelled as the vendors do: 1:1.2, 2:1. */
export const ratioText = (ratio: number) =>
  ratio < 1 ? `1:${tenThousandths(1 / ratio)}` : `${tenThousandths(ratio)}:1`;

/** A background may be a video or a picture: then the formats say so. */
const isKind = ({ kind, format }: MediaFacts, limits: MediaLimits) =>
  kind === limits.kind || (kind === 'image' && limits.formats.includes(format));

function formatVerdict(facts: MediaFacts, limits: MediaLimits): Verdict[] {
  const { formats, kind } = limits;
  if (!isKind(facts, limits))
    return [
      {
        aspect: 'format',
        value: `${facts.format} (${facts.kind})`,
        limit: `is not ${kind === 'video' ? 'a video' : kind === 'document' ? 'a document' : `an ${kind} file`}`,
        mend: mends.otherKind(kind, formats),
      },
    ];
  if (formats.length === 0 || formats.includes(facts.format)) return [];
  return [
    {
      aspect: 'format',
      value: facts.format,
      limit: `is not one of ${formats.join(', ')}`,
      mend: mends.format(kind, formats),
    },
  ];
}

function lengthVerdict(
  { seconds, secondsExact }: MediaFacts,
  { seconds: range, kind }: MediaLimits,
): Verdict[] {
  if (!range || seconds === undefined || !outside(seconds, range, secondsTolerance)) return [];
  const value = `${short(seconds)} s`;
  const mend = mends.seconds(kind, seconds, range);
  return [{ aspect: 'seconds', value, limit: within(range, ' s'), mend, unsure: !secondsExact }];
}

function pictureVerdicts(facts: MediaFacts, limits: MediaLimits): Verdict[] {
  const { width, height, frameRate, videoCodec } = facts;
  const { side, ratio, frameRate: rates, codecs, kind } = limits;
  const verdicts: Verdict[] = [];
  if (width !== undefined && height !== undefined) {
    const value = `${width}x${height}`;
    if (side && (outside(width, side) || outside(height, side)))
      verdicts.push({
        aspect: 'side',
        value,
        limit:
          side[0] > 1
            ? `has a side outside ${side[0]} to ${side[1]} pixels`
            : `has a side above ${side[1]} pixels`,
        mend: mends.side(kind, [width, height], side),
      });
    if (ratio && outside(width / height, ratio))
      verdicts.push({
        aspect: 'ratio',
        value: `${value} (width:height ${ratioText(width / height)})`,
        limit: `is outside ${ratioText(ratio[0])} to ${ratioText(ratio[1])}`,
        mend: mends.ratio(kind, [width, height], ratio),
      });
  }
  if (rates && frameRate !== undefined && outside(frameRate, rates, frameRateTolerance))
    verdicts.push({
      aspect: 'frame_rate',
      value: `${short(frameRate)} fps`,
      limit: within(rates, ' fps'),
      mend: mends.frameRate(rates),
    });
  if (codecs && videoCodec !== undefined && !codecs.includes(videoCodec))
    verdicts.push({
      aspect: 'codec',
      value: videoCodec,
      limit: `is not ${codecs.join(' or ')}`,
      mend: mends.codec,
    });
  return verdicts;
}

function sizeVerdicts({ bytes, pages }: MediaFacts, limits: MediaLimits): Verdict[] {
  const verdicts: Verdict[] = [];
  if (limits.maxBytes !== undefined && bytes !== undefined && bytes > limits.maxBytes)
    verdicts.push({
      aspect: 'bytes',
      value: megabytes(bytes),
      limit: `is above ${megabytes(limits.maxBytes)}`,
      mend: mends.bytes(limits.kind),
    });
  if (limits.pages !== undefined && pages !== undefined && pages > limits.pages)
    verdicts.push({
      aspect: 'pages',
      value: `${pages} pages`,
      limit: `is above ${limits.pages} pages`,
      mend: 'Split the document and make one video of each part.',
    });
  return verdicts;
}

/** What a limit speaks of but the file, or its server, did not tell. */
function unmeasured(facts: MediaFacts, limits: MediaLimits): string[] {
  const missing: Array<readonly [unknown, unknown, string]> = [
    [limits.seconds, facts.seconds, 'length'],
    [limits.side ?? limits.ratio, facts.width, 'size in pixels'],
    [limits.frameRate, facts.frameRate, 'frame rate'],
    [limits.codecs, facts.videoCodec, 'codec'],
    [limits.maxBytes, facts.bytes, 'size in bytes'],
    [limits.pages, facts.pages, 'number of pages'],
  ];
  return missing
    .filter(([limit, fact]) => limit !== undefined && fact === undefined)
    .map(([, , name]) => name);
}

/**
 * Holds a file against the limits of one field. A breach of a documented limit is a problem; of advice, or
 * by an unsure measurement, a warning. Faces and content are not judged: nobody here can.
 *
 * @param field the input's name of the field
 */
export function judge(field: string, facts: MediaFacts, limits: MediaLimits): MediaFindings {
  const wrongFormat = formatVerdict(facts, limits);
  // Of another kind of file, nothing else is worth saying.
  const verdicts = isKind(facts, limits)
    ? [
        ...wrongFormat,
        ...sizeVerdicts(facts, limits),
        ...lengthVerdict(facts, limits),
        ...pictureVerdicts(facts, limits),
      ]
    : wrongFormat;
  const problems: Problem[] = [];
  const warnings: string[] = [];
  for (const { aspect, value, limit, mend, unsure } of verdicts)
    if (limits.advised?.includes(aspect))
      warnings.push(`${field}: ${value} ${limit}, which is advised. ${mend}`);
    else if (unsure)
      warnings.push(`${field}: about ${value} ${limit}, as far as can be told from here. ${mend}`);
    else problems.push({ field, value, limit, mend });
  if (facts.truncated)
    problems.push({
      field,
      value: facts.format,
      limit: 'is cut short: the end of the file is missing',
      mend: 'Export, copy or download it again.',
    });
  const unknown = unmeasured(facts, limits);
  if (isKind(facts, limits) && unknown.length > 0)
    warnings.push(`${field}: ${unknown.join(', ')} could not be learned from here and was not checked.`);
  return { problems, warnings };
}
