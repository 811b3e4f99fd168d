import { drawFigure, type Look, mouth } from './figure.ts';
import type { MediaFile } from './inputs.ts';
import {
  even,
  from,
  h264,
  markGraph,
  ownFrameRate,
  type Recording,
  type Size,
  type Source,
  type Studio,
} from './render.ts';
import type { TimedSentence } from './sentences.ts';

/** A drawn avatar: its upper left corner and its size in pixels of the video. */
export interface PlacedFigure {
  readonly look: Look;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface PlacedLogo {
  readonly file: MediaFile;
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

/** What stands behind everything else. */
export type Backdrop =
  | { readonly kind: 'none' }
  | { readonly kind: 'colour'; readonly colour: string }
  | { readonly kind: 'file'; readonly file: MediaFile }
  /** A stand-in for a slide: its own colour, and a bar for every page up to this one. */
  | { readonly kind: 'slide'; readonly page: number; readonly around?: string };

export interface Scene {
  readonly size: Size;
  readonly seconds: number;
  readonly audio: Recording;
  readonly backdrop: Backdrop;
  readonly figure?: PlacedFigure;
  readonly logos?: readonly PlacedLogo[];
  /** Sentences that a band at the foot stands for: there is no font to write them with. */
  readonly band?: readonly TimedSentence[];
}

/** More bands than this would make a filter longer than an argument may be. */
const mostBands = 300;

/** Seconds that are a whole number of frames. */
export function wholeFrames(seconds: number): number {
  return Math.max(1, Math.ceil(seconds * ownFrameRate - 1e-6)) / ownFrameRate;
}

/** The colour of a page: a step of the golden angle each, so that neighbours never look alike. */
export function pageColour(page: number): string {
  const hue = ((page - 1) * 137.508 + 210) % 360;
  const channel = (shift: number) => {
    const k = (shift + hue / 30) % 12;
    return Math.round(255 * (0.42 - 0.32 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return `0x${[channel(0), channel(8), channel(4)].map((each) => each.toString(16).padStart(2, '0')).join('')}`;
}

const hexColour = (colour: string) => colour.replace('#', '0x');

function slideGraph(page: number, [width, height]: Size, around: string | undefined): string {
  // The shape of the page is unknown without a renderer for slides; four to three stands for it.
  const [w, h] = around
    ? [Math.min(width, (height * 4) / 3), Math.min(height, (width * 3) / 4)]
    : [width, height];
  const [left, top] = [even((width - w) / 2) - 2, even((height - h) / 2) - 2];
  const boxes = around
    ? [`drawbox=${Math.max(0, left)}:${Math.max(0, top)}:${even(w)}:${even(h)}:${pageColour(page)}:t=fill`]
    : [];
  const [bar, step] = [even(width / 120), even(width / 60)];
  for (let index = 0; index < page; index += 1) {
    const x = Math.max(0, left) + even(w / 12) + (index % 25) * step;
    const y = Math.max(0, top) + even(h / 8) + Math.floor(index / 25) * even(h / 6);
    boxes.push(`drawbox=${x}:${y}:${bar}:${even(h / 8)}:white:t=fill`);
  }
  return boxes.map((box) => `,${box}`).join('');
}

function backdropSource({ backdrop, size: [width, height] }: Scene): string[] {
  const canvas = (colour: string, more = '') => {
    const source = `color=c=${colour}:s=${width}x${height}:r=${ownFrameRate}${more}`;
    return ['-f', 'lavfi', '-i', source];
  };
  switch (backdrop.kind) {
    case 'none':
      // The format is named here, or the source chooses one without alpha.
      return canvas('black@0.0', ',format=yuva420p');
    case 'colour':
      return canvas(hexColour(backdrop.colour));
    case 'slide':
      return canvas(backdrop.around ? hexColour(backdrop.around) : pageColour(backdrop.page));
    case 'file':
      // A short clip behind a long speech begins again; 2018 has no better way than reading it again.
      return backdrop.file.seconds === undefined
        ? from(backdrop.file)
        : ['-stream_loop', '-1', ...from(backdrop.file)];
  }
}

function backdropGraph({ backdrop, size }: Scene, pixels: string): string {
  const plain = `fps=${ownFrameRate},setsar=1,format=${pixels}`;
  if (backdrop.kind === 'slide')
    return `[0:v]setsar=1${slideGraph(backdrop.page, size, backdrop.around)},format=${pixels}[s0]`;
  if (backdrop.kind === 'file' && backdrop.file.seconds === undefined)
    return `[0:v]setsar=1,format=${pixels},loop=loop=-1:size=1:start=0,setpts=N/(${ownFrameRate}*TB)[s0]`;
  return `[0:v]${plain}[s0]`;
}

/** A bar that is longer for longer sentences and changes its shade with each. */
function bandGraph(sentences: readonly TimedSentence[], [width, height]: Size): string {
  const [h, y] = [even(height / 16), even(height * 0.88)];
  const longest = Math.max(1, ...sentences.map(({ text }) => text.length));
  return sentences
    .slice(0, mostBands)
    .map(({ text, words }, index) => {
      const w = even(width * (0.2 + (0.6 * text.length) / longest));
      const times = `${((words[0]?.startMs ?? 0) / 1000).toFixed(2)},${((words.at(-1)?.endMs ?? 0) / 1000).toFixed(2)}`;
      const shade = index % 2 === 0 ? '0x202020' : '0x585858';
      return `drawbox=${even((width - w) / 2)}:${y}:${w}:${h}:${shade}:t=fill:enable='between(t,${times})'`;
    })
    .join(',');
}

/** The figure, swaying, and the mouth, which is the sound's own wave. Both are drawn over `s0`. */
function figureGraph({ x, y, width, height }: PlacedFigure): string[] {
  const sway = Math.max(2, width * 0.012);
  const swayed = (at: number) => `'${Math.round(at)}+${sway.toFixed(1)}*sin(2.4*t)'`;
  const [left, top, across, down] = mouth;
  const [mouthWidth, mouthHeight] = [Math.max(8, even(width * across)), Math.max(8, even(height * down))];
  return [
    `[3:v]scale=${width}:${height},format=rgba[figure]`,
    `[seen]showwaves=s=${mouthWidth}x${mouthHeight}:mode=cline:rate=${ownFrameRate}:scale=cbrt:colors=0x5a1018,` +
      'format=rgba[mouth]',
    `[s0][figure]overlay=x=${swayed(x)}:y=${Math.round(y)}[s1]`,
    `[s1][mouth]overlay=x=${swayed(x + width * left)}:y=${Math.round(y + height * top)}[s2]`,
  ];
}

/**
 * The arguments that make one scene, up to its codecs. The picture is called `out`, the sound `sound`.
 * Everything is drawn by ffmpeg's own filters; only the figure is a picture.
 */
export async function sceneArguments(studio: Studio, scene: Scene): Promise<string[]> {
  const { size, audio, figure, logos = [], band = [] } = scene;
  const clear = scene.backdrop.kind === 'none';
  const pixels = clear ? 'yuva420p' : 'yuv420p';
  const drawn: Source[] = figure
    ? [{ demuxer: 'png_pipe', path: (await studio.keep(drawFigure(figure.look), 'png')).path }]
    : [];
  const sources = [
    ...backdropSource(scene),
    ...from(audio),
    ...from(await studio.mark),
    ...drawn.flatMap(from),
    ...logos.flatMap(({ file }) => from(file)),
  ];
  const graph = [backdropGraph(scene, pixels)];
  let top = 's0';
  if (figure) {
    graph.push('[1:a]asplit[heard][seen]', ...figureGraph(figure));
    top = 's2';
  } else graph.push('[1:a]anull[heard]');
  for (const [index, { x, y, scale }] of logos.entries()) {
    const input = 3 + drawn.length + index;
    graph.push(`[${input}:v]scale=iw*${scale}:-1,format=rgba[logo${index}]`);
    graph.push(`[${top}][logo${index}]overlay=${x}:${y}[l${index}]`);
    top = `l${index}`;
  }
  if (band.length > 0) {
    graph.push(`[${top}]${bandGraph(band, size)}[banded]`);
    top = 'banded';
  }
  graph.push(...markGraph(top, size[0]), '[heard]apad[sound]');
  return [...sources, '-filter_complex', graph.join(';'), '-map', '[out]', '-map', '[sound]'];
}

/** Codecs of a piece that others are joined to without making its picture again. */
const piece = [
  ...h264,
  '-g',
  '50',
  '-c:a',
  'pcm_s16le',
  '-ar',
  '44100',
  '-ac',
  '1',
  '-r',
  String(ownFrameRate),
];

/** Makes one scene as a piece to join. */
export async function scenePiece(studio: Studio, scene: Scene, output: string): Promise<void> {
  const args = await sceneArguments(studio, scene);
  const seconds = wholeFrames(scene.seconds).toFixed(3);
  await studio.run([...args, ...piece, '-t', seconds, '-f', 'matroska', output]);
}

/** Makes an opening or closing clip a piece, with the mark on it, and silence where it has no sound. */
export async function clipPiece(studio: Studio, clip: MediaFile, size: Size, output: string): Promise<void> {
  const seconds = wholeFrames(clip.seconds ?? 1);
  const silence = ['-f', 'lavfi', '-i', 'anullsrc=r=44100:cl=mono'];
  const graph = [
    `[0:v]fps=${ownFrameRate},scale=${size[0]}:${size[1]},setsar=1[clip]`,
    ...markGraph('clip', size[0]),
  ];
  const sources = [...from(clip), ...silence, ...from(await studio.mark)];
  const sound = clip.hasSound ? ['-map', '0:a:0', '-af', 'apad'] : ['-map', '1:a'];
  const made = ['-filter_complex', graph.join(';'), '-map', '[out]', ...sound];
  await studio.run([...sources, ...made, ...piece, '-t', seconds.toFixed(3), '-f', 'matroska', output]);
}
