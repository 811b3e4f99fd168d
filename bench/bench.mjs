// `npm run bench`: the numbers that the house holds itself to, each beside its floor in the same run.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { median, open, timed } from './stdio.mjs';

const root = resolve(import.meta.dirname, '..');
const entry = join(root, 'dist/index.js');
const scratch = mkdtempSync(join(tmpdir(), 'digital-human-bench-'));
const rows = [];
const row = (what, figure, floor, ratio, bar) => rows.push({ what, figure, floor, ratio, bar });

async function start(script, args) {
  const session = open(script, args);
  await session.initialize();
  await session.request('tools/list');
  const measured = { ms: session.sinceStartMs(), megabytes: session.residentMegabytes() };
  await session.close();
  return measured;
}

async function starts(runs = 9) {
  const ours = [];
  const floor = [];
  for (let run = 0; run < runs; run++) {
    floor.push(await start(join(root, 'bench/floor.mjs')));
    ours.push(await start(entry, ['--data-dir', scratch]));
  }
  for (const [what, field, unit, bar] of [
    ['cold start, spawn to tools/list', 'ms', 'ms', '<= 2.3x'],
    ['memory at that moment', 'megabytes', 'MB', '<= 1.6x'],
  ]) {
    const [mine, least] = [ours, floor].map((side) => median(side.map((each) => each[field])));
    row(
      what,
      `${mine.toFixed(0)} ${unit}`,
      `${least.toFixed(0)} ${unit}`,
      `${(mine / least).toFixed(2)}x`,
      bar,
    );
  }
}

async function calls() {
  const session = open(entry, [
    '--data-dir',
    scratch,
    '--sandbox',
    '--download',
    'off',
    '--log-level',
    'silent',
  ]);
  await session.initialize();
  const held = await session.call('photo_to_video', {
    ref_photo_url: 'http://127.0.0.1:9/a.jpg',
    driver_type: 'OriginalVoice',
    input_audio_url: 'http://127.0.0.1:9/a.mp3',
  });
  const id = held.result.structuredContent.job_id;
  const ping = median(await timed(300, () => session.request('ping')));
  const read = median(await timed(300, () => session.call('get_progress', { job_id: id })));
  row(
    'get_progress, p50',
    `${read.toFixed(2)} ms`,
    `ping ${ping.toFixed(2)} ms`,
    `${(read / ping).toFixed(1)}x`,
    '<= 2x',
  );
  const wrong = { ref_photo_url: 'https://e.com/a.jpg', driver_type: 'Text', speech_param: { speed: 9 } };
  const refused = median(await timed(300, () => session.call('photo_to_video', wrong)));
  row('invalid input refused, p50', `${refused.toFixed(2)} ms`, '', '', '<= 2 ms');
  await session.close();
}

function tokens() {
  const catalog = JSON.parse(readFileSync(join(root, 'dist/catalog.json'), 'utf8'));
  for (const site of Object.keys(catalog)) {
    const definitions = catalog[site].map(({ definition }) => definition);
    const shown = definitions.map(({ name, description, inputSchema }) => ({
      name,
      description,
      inputSchema,
    }));
    const each = shown.map((tool) => encode(JSON.stringify(tool)).length);
    const sum = each.reduce((total, count) => total + count, 0);
    row(`tools/list as a model sees it, ${site}`, `${sum} tokens`, '', '', '<= 6000');
    row(`largest tool, ${site}`, `${Math.max(...each)} tokens`, '', '', '<= 1200');
    row(
      `whole tools/list, ${site}`,
      `${encode(JSON.stringify(definitions)).length} tokens`,
      '',
      '',
      '<= 9000',
    );
  }
}

await starts();
await calls();
tokens();
rmSync(scratch, { recursive: true, force: true });
process.stdout.write(
  `\n${'what'.padEnd(40)}${'figure'.padEnd(16)}${'floor'.padEnd(16)}${'ratio'.padEnd(10)}bar\n`,
);
for (const { what, figure, floor, ratio, bar } of rows)
  process.stdout.write(
    `${what.padEnd(40)}${figure.padEnd(16)}${floor.padEnd(16)}${ratio.padEnd(10)}${bar}\n`,
  );
