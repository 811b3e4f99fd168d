import { crc32, deflateSync } from 'node:zlib';

/** Colours of a drawn person, as `#rrggbb`. */
export interface Look {
  readonly hair: string;
  readonly skin: string;
  readonly clothes: string;
}

/** Pixels of every pose image. */
export const poseSize = [540, 960] as const;

/** Where the mouth is, as shares of the pose image: left, top, width, height. */
export const mouth = [0.435, 0.262, 0.13, 0.04] as const;

type Shape = (x: number, y: number) => boolean;

const oval =
  (cx: number, cy: number, rx: number, ry: number): Shape =>
  (x, y) =>
    ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1;

/** Between two heights, with a half width that changes evenly. */
const taper =
  (cx: number, top: number, bottom: number, upper: number, lower: number): Shape =>
  (x, y) =>
    y >= top && y < bottom && Math.abs(x - cx) < upper + ((y - top) / (bottom - top)) * (lower - upper);

/** Painted in this order, in pixels of the pose image. */
function layers({ hair, skin, clothes }: Look): ReadonlyArray<readonly [string, Shape]> {
  return [
    [hair, oval(270, 190, 118, 140)],
    [clothes, oval(270, 470, 205, 140)],
    [clothes, taper(270, 470, 960, 205, 175)],
    [skin, taper(270, 290, 390, 42, 52)],
    [skin, oval(270, 210, 92, 118)],
    [hair, (x, y) => oval(270, 165, 104, 96)(x, y) && y < 150 + Math.abs(x - 270) * 0.18],
    ['#2b2b33', oval(235, 205, 10, 8)],
    ['#2b2b33', oval(305, 205, 10, 8)],
    ['#b98a6c', oval(270, 235, 7, 12)],
    ['#8c2f39', oval(270, 271, 30, 7)],
    ['#ffffff', (x, y) => y > 385 && y < 470 && Math.abs(x - 270) < (470 - y) * 0.5],
  ];
}

function channels(colour: string): [number, number, number] {
  const value = Number.parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 0xff, value & 0xff];
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

const drawn = new WeakMap<Look, Buffer>();

/** A stand-in for an avatar, as a PNG with a transparent background; drawn once for each look. */
export function drawFigure(look: Look): Buffer {
  const picture = drawn.get(look) ?? draw(look);
  drawn.set(look, picture);
  return picture;
}

function draw(look: Look): Buffer {
  const [width, height] = poseSize;
  const painted = layers(look).map(([colour, inside]) => ({ colour: channels(colour), inside }));
  const rows = Buffer.alloc((width * 4 + 1) * height);
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1) {
      const top = painted.findLast(({ inside }) => inside(x, y));
      if (!top) continue;
      rows.set([...top.colour, 255], y * (width * 4 + 1) + 1 + x * 4);
    }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Eight bits a channel, with alpha.
  header.set([8, 6], 8);
  const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts]);
}
