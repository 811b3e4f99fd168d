// Comparable servers from npm, in the same run: cold start, memory, and tokens of their tool lists.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shownTokens } from './size.mjs';
import { start } from './start.mjs';
import { median } from './stdio.mjs';

/** What makes each of them list its tools; the keys are no keys. */
const peers = {
  'minimax-mcp-js': { MINIMAX_API_KEY: 'none', MINIMAX_API_HOST: 'http://127.0.0.1:9' },
  '@felores/kie-ai-mcp-server': { KIE_AI_API_KEY: 'none' },
  'replicate-mcp': { REPLICATE_API_TOKEN: 'none' },
  '@modelcontextprotocol/server-everything': {},
};
/** Those that do not start without native code; it is compiled here, since its binaries are on no package registry. */
const compiled = new Set(['@felores/kie-ai-mcp-server']);
const runs = 5;
const patienceMs = 30_000;

async function look(folder, name, environment) {
  const home = join(folder, 'node_modules', name);
  const { bin, version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
  const script = join(home, typeof bin === 'string' ? bin : Object.values(bin)[0]);
  const seen = [];
  for (let run = 0; run < runs; run++) seen.push(await start(script, [], environment, patienceMs));
  const middle = (field) => median(seen.map((each) => each[field]));
  const { tools } = seen[0].reply.result;
  const files = execFileSync('du', ['-sm', home], { encoding: 'utf8' }).split('\t')[0];
  return [
    { what: `${name} ${version}: cold start`, figure: `${middle('ms').toFixed(0)} ms` },
    { what: `${name}: memory`, figure: `${middle('megabytes').toFixed(0)} MB` },
    { what: `${name}: ${tools.length} tools as a model sees them`, figure: `${shownTokens(tools)} tokens` },
    { what: `${name}: itself on disk`, figure: `${files} MB` },
  ];
}

/** @returns {Promise<import('./report.mjs').Row[]>} */
export async function measure() {
  const rows = [];
  for (const [name, environment] of Object.entries(peers)) {
    const folder = mkdtempSync(join(tmpdir(), 'digital-human-peer-'));
    try {
      const quiet = ['--no-audit', '--no-fund', '--loglevel', 'error'];
      if (!compiled.has(name)) quiet.push('--ignore-scripts');
      const env = { ...process.env, npm_config_build_from_source: 'true' };
      execFileSync('npm', ['install', '--prefix', folder, ...quiet, name], { cwd: folder, env });
      rows.push(...(await look(folder, name, environment)));
      const whole = execFileSync('du', ['-sm', folder], { encoding: 'utf8' }).split('\t')[0];
      rows.push({ what: `${name}: installed, with what it brings along`, figure: `${whole} MB` });
    } catch (error) {
      rows.push({
        what: `${name}: could not be measured`,
        figure: error.message.split('\n')[0].slice(0, 80),
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return rows;
}
