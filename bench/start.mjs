// Cold start and memory, against a hand-written server in the same run.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { build } from 'esbuild';
import { compared } from './report.mjs';
import { median, open } from './stdio.mjs';

const runs = 15;
const floor = join(import.meta.dirname, 'floor.mjs');
const entry = join(import.meta.dirname, '../dist/index.js');

/** From spawn to the reply to tools/list; what a host sends, it sends at once. */
export async function start(script, args, environment, patienceMs = 60_000) {
  const session = open(script, args, environment);
  const overdue = new AbortController();
  const late = pause(patienceMs, undefined, { signal: overdue.signal }).then(() => {
    throw new Error(`${script} listed no tools in ${patienceMs} ms`);
  });
  const answered = Promise.all([session.initialize(), session.request('tools/list')]);
  const [, reply] = await Promise.race([answered, late]).finally(() => overdue.abort());
  const measured = { ms: session.sinceStartMs(), megabytes: session.residentMegabytes(), reply };
  await session.close();
  return measured;
}

/** The SDK alone, bundled as we are. */
async function bundleSdk(folder) {
  const outfile = join(folder, 'sdk.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'sdk-floor.mjs')],
    outfile,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    alias: {
      '@modelcontextprotocol/server/_shims': join(import.meta.dirname, '../src/mcp/sdk-platform.ts'),
    },
    logLevel: 'error',
  });
  return outfile;
}

/** @returns {Promise<import('./report.mjs').Row[]>} */
export async function measure() {
  const scratch = mkdtempSync(join(tmpdir(), 'digital-human-bench-'));
  const sdk = await bundleSdk(scratch);
  const [ours, sdkAlone, least] = [[], [], []];
  for (let run = 0; run < runs; run++) {
    least.push(await start(floor));
    sdkAlone.push(await start(sdk));
    ours.push(await start(entry, ['--data-dir', scratch]));
  }
  rmSync(scratch, { recursive: true, force: true });
  const middle = (side, field) => median(side.map((each) => each[field]));
  return [
    compared('cold start, spawn to tools/list', middle(ours, 'ms'), middle(least, 'ms'), 'ms', 2.3),
    compared('  of a server of the SDK without a tool', middle(sdkAlone, 'ms'), middle(least, 'ms'), 'ms'),
    compared('memory at that moment', middle(ours, 'megabytes'), middle(least, 'megabytes'), 'MB', 1.6),
  ];
}
