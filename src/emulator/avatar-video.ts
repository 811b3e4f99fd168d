import type { Avatar } from './catalogue.ts';
import { anchorOf, findAvatar } from './catalogue.ts';
import { CloudError } from './cloud-error.ts';
import { poseSize } from './figure.ts';
import type { MediaFile, MediaSource } from './inputs.ts';
import { type Driven, type Narration, narrate, recordingOf, refuseAvatar } from './narration.ts';
import { type Media, type Production, present } from './production.ts';
import {
  aac,
  concatList,
  type Ending,
  even,
  h264,
  type Rendered,
  type Size,
  type Studio,
  upTo,
} from './render.ts';
import {
  type Backdrop,
  clipPiece,
  type PlacedFigure,
  type PlacedLogo,
  type Scene,
  sceneArguments,
  scenePiece,
  wholeFrames,
} from './scene.ts';
import { subtitleFile } from './sentences.ts';
import { writeFile } from 'node:fs/promises';

export interface AnchorParam {
  readonly HorizontalPosition?: number;
  readonly VerticalPosition?: number;
  readonly Scale?: number;
}

export interface LogoParam {
  readonly LogoFileUrl?: string;
  readonly PositionX?: number;
  readonly PositionY?: number;
  readonly Scale?: number;
}

type Format = 'TransparentWebm' | 'TransparentMov' | 'Mp4';

interface VideoParam {
  readonly Format?: Format;
  readonly BackgroundFileUrl?: string;
  readonly VideoHeadFileUrl?: string;
  readonly VideoTailFileUrl?: string;
  readonly ShowSubtitles?: boolean;
  readonly SubtitlesParam?: { MaxWords?: number; DisplayPunctuation?: string; SplitPunctuation?: string };
  readonly LogoParams?: readonly LogoParam[];
  readonly AnchorParam?: AnchorParam;
  readonly SmallSampleParam?: SmallSampleParam;
}

export interface SmallSampleParam {
  readonly MakeType?: string;
  readonly StartIdx?: number;
  readonly EndIdx?: number;
}

interface AvatarVideo extends Driven {
  readonly VirtualmanKey: string;
  readonly VideoParam?: VideoParam;
}

const greenScreen = '#00ff00';
/** What an avatar that is not cut out was filmed before. */
const studioWall = '#8d99a6';

/** Seconds of sound that the pages allow, by format. */
const longest = { TransparentMov: 360, TransparentWebm: 3600, Mp4: 3600 } as const;

/**
 * Where an avatar stands, by the FAQ's formulas (2025-07-11). They take the scaled size, so the middle stays
 * in place when the avatar grows, although the FAQ also says that the lower left corner does.
 */
export function placed(avatar: Avatar, [width, height]: Size, param: AnchorParam = {}): PlacedFigure {
  const { HorizontalPosition = 0, VerticalPosition = 0, Scale = 1 } = param;
  const zoom = avatar.originZoom * Scale;
  const [w, h] = [even(poseSize[0] * zoom), even(poseSize[1] * zoom)];
  return {
    look: anchorOf(avatar).look,
    x: HorizontalPosition * width + width / 2 - w / 2,
    y: 2 * VerticalPosition * h + height - h,
    width: w,
    height: h,
  };
}

/** @throws CloudError 801509 for frames that the avatar's own clip does not have */
export function checkFrames(avatar: Avatar, param: SmallSampleParam = {}): void {
  const { MakeType = 'Default', StartIdx: start = 0, EndIdx } = param;
  if (avatar.clipMs === 0 || MakeType === 'Default') return;
  const last = Math.floor((avatar.clipMs / 1000) * 25) - 1;
  const end = MakeType === 'Custom' ? (EndIdx ?? last) : last;
  if (start >= end || end > last)
    throw new CloudError('801509', `frames ${start} to ${end} are outside 0 to ${last}, or not in order`);
}

export function logosOf(logos: readonly LogoParam[] | undefined, media: Media, at: string): PlacedLogo[] {
  return (logos ?? []).flatMap(
    ({ LogoFileUrl, PositionX: x = 0, PositionY: y = 0, Scale: scale = 1 }, index) =>
      LogoFileUrl === undefined ? [] : [{ file: present(media, `${at}.${index}.LogoFileUrl`), x, y, scale }],
  );
}

export function logoSources(logos: readonly LogoParam[] | undefined, at: string): MediaSource[] {
  return (logos ?? []).flatMap(({ LogoFileUrl: url }, index) =>
    url === undefined ? [] : [{ field: `${at}.${index}.LogoFileUrl`, url }],
  );
}

function inputsOf(request: AvatarVideo, format: Format): MediaSource[] {
  const param = request.VideoParam ?? {};
  const recording = recordingOf(request, 'InputAudioUrl');
  // Transparent formats take the avatar's place only; the other editing is not looked at.
  if (format !== 'Mp4') return recording;
  const files = ['BackgroundFileUrl', 'VideoHeadFileUrl', 'VideoTailFileUrl'] as const;
  const given = files.flatMap((name) =>
    param[name] === undefined ? [] : [{ field: `VideoParam.${name}`, url: param[name] }],
  );
  return [...recording, ...given, ...logoSources(param.LogoParams, 'VideoParam.LogoParams')];
}

/** @throws CloudError 801507 when the file has another size than the video */
function sameSize(file: MediaFile | undefined, name: string, [width, height]: Size): MediaFile | undefined {
  if (file && (file.width !== width || file.height !== height))
    throw new CloudError('801507', `${name} is ${file.width}x${file.height}, the video ${width}x${height}`);
  return file;
}

/** Alternate reference frames exclude alpha in VP8. */
const vp8 = '-c:v libvpx -pix_fmt yuva420p -auto-alt-ref 0 -deadline realtime -cpu-used 8'.split(' ');

const codecs: Readonly<Record<Format, { ending: Ending; args: readonly string[] }>> = {
  Mp4: { ending: 'mp4', args: [...h264, ...aac] },
  TransparentWebm: {
    ending: 'webm',
    args: [...vp8, '-threads', '2', '-b:v', '1500k', '-c:a', 'libopus', '-ar', '48000'],
  },
  TransparentMov: {
    ending: 'mov',
    args: ['-c:v', 'qtrle', '-pix_fmt', 'argb', '-c:a', 'aac', '-ar', '44100'],
  },
};

async function render(studio: Studio, scene: Scene, format: Format, output: string): Promise<void> {
  const { ending, args } = codecs[format];
  const end = ending === 'mp4' ? upTo(scene.seconds) : ['-t', scene.seconds.toFixed(3), '-f', ending];
  await studio.run([...(await sceneArguments(studio, scene)), ...args, ...end, output]);
}

/** Joins pieces; their pictures stay as they are. */
export async function joined(studio: Studio, pieces: readonly string[], list: string, output: string) {
  await writeFile(list, concatList(pieces));
  const source = ['-f', 'concat', '-safe', '0', '-i', list];
  await studio.run([...source, '-c:v', 'copy', ...aac, '-movflags', '+faststart', '-f', 'mp4', output]);
}

interface Clips {
  readonly head?: MediaFile;
  readonly tail?: MediaFile;
}

async function withClips(studio: Studio, scene: Scene, { head, tail }: Clips, output: string): Promise<void> {
  await studio.withDrafts(async (draft) => {
    const pieces: string[] = [];
    for (const part of [head, scene, tail]) {
      if (!part) continue;
      const piece = draft('piece');
      if (part === scene) await scenePiece(studio, scene, piece);
      else await clipPiece(studio, part as MediaFile, scene.size, piece);
      pieces.push(piece);
    }
    await joined(studio, pieces, draft('list'), output);
  });
}

function production(defaultFormat: Format): Production {
  const formatOf = (request: unknown) => (request as AvatarVideo).VideoParam?.Format ?? defaultFormat;
  return {
    queueSeconds: 2,
    refuse: (request) => refuseAvatar((request as AvatarVideo).VirtualmanKey),
    inputs: (request) => inputsOf(request as AvatarVideo, formatOf(request)),
    async begin(request, media, _wire, studio, signal) {
      const wanted = request as AvatarVideo;
      const param = wanted.VideoParam ?? {};
      const format = formatOf(request);
      const edited = format === 'Mp4';
      const avatar = findAvatar(wanted.VirtualmanKey);
      if (!avatar) throw new CloudError('801009', 'the avatar is gone');
      checkFrames(avatar, param.SmallSampleParam);
      const size: Size = [avatar.width, avatar.height];
      const clip = (name: string) => sameSize(media.get(`VideoParam.${name}`), name, size);
      const [background, head, tail] = [
        clip('BackgroundFileUrl'),
        clip('VideoHeadFileUrl'),
        clip('VideoTailFileUrl'),
      ];
      const {
        MaxWords: maxWords,
        DisplayPunctuation: show,
        SplitPunctuation: splitAt,
      } = param.SubtitlesParam ?? {};
      const settings = {
        field: 'InputAudioUrl',
        ownTimbre: avatar.timbre,
        longest: longest[format],
        splitting: { maxWords, show, splitAt },
      };
      const narration = await narrate(wanted, media, studio, settings, signal);
      if (narration.seconds > longest[format] + 0.05)
        throw new CloudError('801510', `${format} takes ${longest[format]} s of sound at most`);
      const scene: Scene = {
        size,
        seconds: narration.seconds,
        audio: narration.audio,
        backdrop: backdropFor(edited, avatar, background),
        figure: placed(avatar, size, param.AnchorParam),
        logos: edited ? logosOf(param.LogoParams, media, 'VideoParam.LogoParams') : [],
        band: edited && param.ShowSubtitles ? narration.sentences : [],
      };
      const key = [scene, head?.digest, tail?.digest, format].map((part) => JSON.stringify(part) ?? '');
      const file = studio.once(['avatar', ...key], codecs[format].ending, (output) =>
        head || tail
          ? withClips(studio, scene, { head, tail }, output)
          : render(studio, scene, format, output),
      );
      const subtitles = subtitlesOf(studio, narration, head);
      return { runSeconds: 5 + 2 * narration.seconds, file, subtitles };
    },
  };
}

function backdropFor(edited: boolean, avatar: Avatar, background: MediaFile | undefined): Backdrop {
  if (!edited) return { kind: 'none' };
  if (!avatar.cutOut) return { kind: 'colour', colour: studioWall };
  return background ? { kind: 'file', file: background } : { kind: 'colour', colour: greenScreen };
}

function subtitlesOf(
  studio: Studio,
  { sentences }: Narration,
  head: MediaFile | undefined,
): Promise<Rendered> | undefined {
  const delay = head ? wholeFrames(head.seconds ?? 1) * 1000 : 0;
  return sentences.length > 0 ? studio.keep(subtitleFile(sentences, delay), 'srt') : undefined;
}

/** IVH avatar video, basic (page of 2025-12-10) and advanced (page of 2026-04-01). */
export const avatarVideo = production('TransparentWebm');
export const editedAvatarVideo = production('Mp4');
