// The official Inspector's command line against the built server, over pipes and over HTTP, in both protocol eras.
// It is installed into a folder of its own, so it needs a package registry: `npm run test:inspector`.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const inspector = '@modelcontextprotocol/inspector@2.12.0';
const entry = join(resolve(import.meta.dirname, '../..'), 'dist/index.js');
const folder = mkdtempSync(join(tmpdir(), 'digital-human-inspector-'));
const data = ['--sandbox', '--data-dir', join(folder, 'data')];

/** The Inspector's own exit code for a tool's result that is an error. */
const toolFailed = 5;

function command(program, args, expected = 0) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: 240_000,
  });
  if (status !== expected)
    throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stdout}${stderr}`);
  return stdout;
}

const bin = join(folder, 'node_modules/.bin/mcp-inspector');

/** What the Inspector prints is the result, as JSON. */
const inspect = (target, ...args) => JSON.parse(command(bin, ['--cli', ...target, ...args]));

let failed = 0;
function check(name, work) {
  try {
    const fault = work();
    if (fault) throw new Error(fault);
    process.stdout.write(`ok    ${name}\n`);
  } catch (error) {
    failed++;
    process.stdout.write(`FAIL  ${name}: ${error.message}\n`);
  }
}

function checkServer(name, target) {
  const call = (tool, ...args) => inspect(target, '--method', 'tools/call', '--tool-name', tool, ...args);
  check(`${name}: lists 15 tools`, () => {
    const { tools } = inspect(target, '--method', 'tools/list');
    return tools.length === 15 ? '' : `${tools.length} tools`;
  });
  check(`${name}: calls a tool`, () => {
    const { isError, structuredContent } = call('list_jobs', '--tool-arg', 'limit=5');
    return !isError && Array.isArray(structuredContent?.jobs) ? '' : JSON.stringify(structuredContent);
  });
  check(`${name}: is refused where its input is wrong`, () => {
    const wrong = ['--tool-name', 'get_progress', '--tool-arg', 'job_id=no-such-job'];
    const told = command(bin, ['--cli', ...target, '--method', 'tools/call', ...wrong], toolFailed);
    return told.includes('not_found: There is no job') ? '' : told;
  });
  check(`${name}: reads a resource`, () => {
    const args = ['--method', 'resources/read', '--uri', 'digital-human://operations/video_retalk'];
    return inspect(target, ...args).contents[0].text.includes('video_url') ? '' : 'no page';
  });
}

/** Runs the HTTP server for as long as the work takes. */
async function withHttp(work) {
  const args = [entry, 'http', ...data, '--http-port', '0', '--http-burst', '1000'];
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = new Promise((done) => {
    server.once('exit', done);
  });
  try {
    const line = await new Promise((done, fail) => {
      createInterface({ input: server.stdout }).once('line', done);
      server.once('exit', (code) => fail(new Error(`the server ended with ${code}`)));
    });
    work(`${JSON.parse(line).url}/mcp`);
  } finally {
    server.kill('SIGTERM');
    await ended;
  }
}

try {
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel', 'error'];
  command('npm', ['install', '--prefix', folder, ...quiet, inspector]);
  for (const era of ['legacy', 'modern']) {
    const spoken = ['--protocol-era', era];
    checkServer(`stdio, ${era}`, [process.execPath, entry, ...data, ...spoken]);
    await withHttp((url) => checkServer(`http, ${era}`, [url, '--transport', 'http', ...spoken]));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(failed === 0 ? '\nall passed\n' : `\n${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
