// Makes demo.jpg, and demo.png of it, from the demo's own output: one frame of each of its three videos, side by side.
//   npm run build && node docs/media/make-picture.mjs
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { path as ffmpeg } from '@ffmpeg-installer/ffmpeg';

const root = resolve(import.meta.dirname, '../..');
const output = mkdtempSync(join(tmpdir(), 'digital-human-picture-'));
try {
  execFileSync(process.execPath, [join(root, 'dist/index.js'), 'demo', '--output', output], {
    stdio: 'inherit',
  });
  const tools = ['submit_portrait_sing', 'photo_to_video', 'video_retalk'];
  const videos = tools.map((tool) => readdirSync(output).find((file) => file.includes(tool)));
  const frames = videos.flatMap((file) => ['-ss', '1.7', '-i', join(output, file)]);
  const scaled = tools.map((_, at) => `[${at}:v]scale=-2:480,setsar=1[p${at}]`);
  const beside = `${tools.map((_, at) => `[p${at}]`).join('')}hstack=inputs=${tools.length}[out]`;
  const graph = ['-filter_complex', [...scaled, beside].join(';'), '-map', '[out]'];
  const picture = join(import.meta.dirname, 'demo.jpg');
  execFileSync(ffmpeg, ['-v', 'error', '-y', ...frames, ...graph, '-frames:v', '1', '-q:v', '4', picture]);
  const palette = 'split[a][b];[a]palettegen[p];[b][p]paletteuse';
  execFileSync(ffmpeg, ['-v', 'error', '-y', '-i', picture, '-vf', palette, picture.replace('.jpg', '.png')]);
} finally {
  rmSync(output, { recursive: true, force: true });
}
