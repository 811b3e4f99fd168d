import {
  even,
  from,
  h264,
  aac,
  markGraph,
  ownFrameRate,
  type Rendered,
  type Size,
  type Studio,
  upTo,
} from './render.ts';
import type { MediaFile } from './inputs.ts';
import { type Production, present } from './production.ts';

interface ImageAnimate {
  readonly ImageUrl?: string;
  readonly ImageBase64?: string;
  readonly TemplateId?: 'ke3' | 'tuziwu' | 'huajiangwu';
  readonly EnableAudio?: boolean;
  readonly EnableSegment?: boolean;
}

/** Length of a dance, and its beats a second: no page says, and every dance has its own. */
const danceSeconds = 5;
const beats = { ke3: 2.2, tuziwu: 2.8, huajiangwu: 1.6 } as const;

type Dance = keyof typeof beats;
type Layer = 'whole' | 'cut' | 'mask';

/** A tune of eight notes with a drum below it, as an expression in `t`. */
function tune(dance: Dance): string {
  const rate = beats[dance];
  const note = `mod(floor(t*${rate}*2)*5\\,8)`;
  const pluck = `0.25*sin(2*PI*t*330*pow(2\\,${note}/12))*exp(-5*mod(t\\,${1 / (rate * 2)}))`;
  const drum = `0.4*sin(2*PI*60*mod(t\\,${1 / rate}))*exp(-14*mod(t\\,${1 / rate}))`;
  return `aevalsrc=${pluck}+${drum}:s=44100`;
}

/** At most 720 pixels on the shorter side, which keeps a dance quick to make. */
function danceSize({ width = 720, height = 720 }: MediaFile): Size {
  const factor = Math.min(1, 720 / Math.min(width, height));
  return [even(width * factor), even(height * factor)];
}

/**
 * The picture turns about its middle and hops with the beat. Nothing here can find a person in a picture:
 * an oval in its middle stands for the body where the background is to go.
 */
function graphOf(layer: Layer, [width, height]: Size, beat: number): string[] {
  const oval = `lte(pow((X-W/2)/(W*0.36)\\,2)+pow((Y-H*0.54)/(H*0.46)\\,2)\\,1)`;
  const cut = layer === 'whole' ? '' : `,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='255*${oval}'`;
  const white = layer === 'mask' ? ',lutrgb=r=255:g=255:b=255' : '';
  const still = `loop=loop=-1:size=1:start=0,setpts=N/(${ownFrameRate}*TB)`;
  const angle = `0.14*sin(${Math.PI.toFixed(4)}*${beat}*t)`;
  const hop = `${even(height / 30)}*abs(sin(${Math.PI.toFixed(4)}*${beat}*t))`;
  return [
    `[0:v]scale=${width}:${height},setsar=1,format=rgba${cut}${white},${still},` +
      `rotate=a='${angle}':fillcolor=none[dancer]`,
    `[1:v][dancer]overlay=x=0:y='-${hop}',format=yuv420p[danced]`,
    ...markGraph('danced', width),
  ];
}

const grounds: Readonly<Record<Layer, string>> = { whole: '0x303040', cut: '0x00ff00', mask: 'black' };

async function film(
  studio: Studio,
  photo: MediaFile,
  layer: Layer,
  dance: Dance,
  sound: boolean,
): Promise<Rendered> {
  const size = danceSize(photo);
  return studio.once(['dance', photo.digest, layer, dance, String(sound)], 'mp4', async (output) => {
    const ground = `color=c=${grounds[layer]}:s=${size[0]}x${size[1]}:r=${ownFrameRate}`;
    const sources = [...from(photo), '-f', 'lavfi', '-i', ground, ...from(await studio.mark)];
    const music = sound ? ['-f', 'lavfi', '-i', tune(dance)] : [];
    const picture = ['-filter_complex', graphOf(layer, size, beats[dance]).join(';'), '-map', '[out]'];
    const heard = sound ? ['-map', '3:a', ...aac] : ['-an'];
    const made = [...picture, ...heard, ...h264, '-r', String(ownFrameRate), ...upTo(danceSeconds)];
    await studio.run([...sources, ...music, ...made, output]);
  });
}

/** VCLM image animation (international page of 2024-11-28): one picture dances to the template's music. */
export const imageAnimate: Production = {
  queueSeconds: 2,
  inputs(request) {
    const { ImageUrl, ImageBase64 } = request as ImageAnimate;
    return [
      { field: 'ImageUrl', ...(ImageBase64 === undefined ? { url: ImageUrl } : { base64: ImageBase64 }) },
    ];
  },
  async begin(request, media, _wire, studio) {
    const { TemplateId: dance = 'ke3', EnableAudio = true, EnableSegment = false } = request as ImageAnimate;
    const photo = present(media, 'ImageUrl');
    // The other templates are documented to ignore it; true is read as the older domestic page has it.
    const cut = EnableSegment && dance === 'ke3';
    return {
      runSeconds: 60,
      file: film(studio, photo, cut ? 'cut' : 'whole', dance, EnableAudio),
      mask: cut ? film(studio, photo, 'mask', dance, false) : undefined,
    };
  },
};
