// Draws icon.png and icon-dark.png: a head that speaks.
//   node docs/media/make-icons.mjs
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';

const side = 512;
const themes = {
  'icon.png': { ground: [13, 110, 110], figure: [255, 255, 255] },
  'icon-dark.png': { ground: [190, 240, 232], figure: [10, 60, 66] },
};

/** Signed distances in pixels: below zero is inside. */
const circle = (x, y, cx, cy, radius) => Math.hypot(x - cx, y - cy) - radius;
function roundedSquare(x, y) {
  const [dx, dy] = [x, y].map((at) => Math.abs(at - side / 2) - (side / 2 - 112));
  return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - 112;
}
const head = (x, y) => circle(x, y, 198, 190, 82);
function shoulders(x, y) {
  return Math.max(circle(x, y, 198, 430, 138), y - 400);
}
function waves(x, y) {
  const angle = Math.abs(Math.atan2(y - 196, x - 236)) - 0.72;
  const rings = [104, 156].map((radius) => Math.abs(circle(x, y, 236, 196, radius)) - 14);
  return Math.max(Math.min(...rings), angle * 100);
}
const cover = (distance) => Math.min(1, Math.max(0, 0.5 - distance));

function pixels({ ground, figure }) {
  const raw = Buffer.alloc((side * 4 + 1) * side);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const drawn = cover(Math.min(head(x, y), shoulders(x, y), waves(x, y)));
      const at = y * (side * 4 + 1) + 1 + x * 4;
      for (let part = 0; part < 3; part++)
        raw[at + part] = Math.round(ground[part] * (1 - drawn) + figure[part] * drawn);
      raw[at + 3] = Math.round(255 * cover(roundedSquare(x, y)));
    }
  return raw;
}

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
}

const header = Buffer.alloc(13);
header.writeUInt32BE(side, 0);
header.writeUInt32BE(side, 4);
header.set([8, 6, 0, 0, 0], 8);
for (const [name, theme] of Object.entries(themes)) {
  const parts = [
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(pixels(theme), { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ];
  writeFileSync(join(import.meta.dirname, name), Buffer.concat(parts));
}
