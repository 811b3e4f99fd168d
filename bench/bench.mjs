// `npm run bench [-- --only NAME] [--peers]`: the numbers that the house holds itself to, each beside its floor in the
// same run. A part is a module that exports `measure`, and one line here.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measure as calls } from './calls.mjs';
import { jobMix, measureJobs } from './jobs.mjs';
import { measure as peers } from './peers.mjs';
import { benchReplicas } from './replicas.mjs';
import { report, told } from './report.mjs';
import { measure as size } from './size.mjs';
import { measure as start } from './start.mjs';

async function jobs() {
  const scratch = mkdtempSync(join(tmpdir(), 'digital-human-bench-'));
  try {
    return await told((row) => measureJobs(row, scratch));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
    process.stdout.write(`${jobMix}\n\n`);
  }
}

const parts = { start, calls, size, jobs, replicas: () => told(benchReplicas), peers };
/** Not without being asked for: what needs a package registry. */
const extra = new Set(['peers']);

const { values } = parseArgs({
  options: { only: { type: 'string' }, peers: { type: 'boolean', default: false } },
});
const wanted = (name) => (values.only ? values.only === name : !extra.has(name) || values[name]);
const names = Object.keys(parts).filter(wanted);
if (names.length === 0) throw new Error(`--only takes one of ${Object.keys(parts).join(', ')}`);

const rows = [];
for (const name of names) rows.push(...(await parts[name]()));
// A part alone is looked at, not kept.
report(rows, values.only ? undefined : join(import.meta.dirname, 'results.json'));
