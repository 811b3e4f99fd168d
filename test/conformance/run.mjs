// The official conformance suite against the built server, over loopback. It is fetched by npx into a folder of
// its own, so it needs a package registry: `npm run test:conformance`, and no part of `npm test`.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const suite = '@modelcontextprotocol/conformance@0.1.13';
const root = resolve(import.meta.dirname, '../..');

/** Scenarios that any server can pass. `needs`: the capability without which one does not apply. */
const generic = {
  'server-initialize': {},
  ping: {},
  'tools-list': {},
  'resources-list': {},
  'server-sse-multiple-streams': {},
  'dns-rebinding-protection': {},
  'prompts-list': { needs: 'prompts' },
};

/** Scenarios that call for a tool, resource or prompt of the suite's own, or a feature that is deprecated or not ours. */
const notOurs = {
  'logging-set-level': 'protocol logging, deprecated in 2026-07-28 and not offered',
  'completion-complete': 'a prompt of its own',
  'tools-call-simple-text': 'a tool of its own',
  'tools-call-image': 'a tool of its own',
  'tools-call-audio': 'a tool of its own',
  'tools-call-embedded-resource': 'a tool of its own',
  'tools-call-mixed-content': 'a tool of its own',
  'tools-call-with-logging': 'a tool of its own',
  'tools-call-error': 'a tool of its own',
  'tools-call-with-progress': 'a tool of its own',
  'tools-call-sampling': 'a tool of its own',
  'tools-call-elicitation': 'a tool of its own',
  'json-schema-2020-12': 'a tool of its own',
  'elicitation-sep1034-defaults': 'a tool of its own',
  'elicitation-sep1330-enums': 'a tool of its own',
  'server-sse-polling': 'a tool of its own; without it the scenario checks nothing',
  'resources-read-text': 'the resource test://static-text',
  'resources-read-binary': 'the resource test://static-binary',
  'resources-templates-read': 'the resource test://template/{id}/data',
  'resources-subscribe': 'the resource test://watched-resource',
  'resources-unsubscribe': 'the resource test://watched-resource',
  'prompts-get-simple': 'a prompt of its own',
  'prompts-get-with-args': 'a prompt of its own',
  'prompts-get-embedded-resource': 'a prompt of its own',
  'prompts-get-with-image': 'a prompt of its own',
};

const folder = mkdtempSync(join(tmpdir(), 'digital-human-conformance-'));
const server = spawn(
  process.execPath,
  [
    join(root, 'dist/index.js'),
    ...'http --sandbox --http-port 0 --http-burst 1000 --data-dir'.split(' '),
    join(folder, 'data'),
  ],
  { stdio: ['ignore', 'pipe', 'ignore'] },
);
const stop = new Promise((done) => {
  server.once('exit', done);
});

async function capabilities(url) {
  const reply = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'run', version: '1' } },
    }),
  });
  const line = (await reply.text()).split('\n').find((text) => text.startsWith('data: {'));
  return JSON.parse(line.slice('data: '.length)).result.capabilities;
}

function judge(name, passed, failed, offered) {
  const rule = generic[name];
  if (!rule)
    return notOurs[name] ? { verdict: 'not ours', why: `asks for ${notOurs[name]}` } : { verdict: 'NEW' };
  if (rule.needs && !offered[rule.needs]) return { verdict: 'not ours', why: `no ${rule.needs} offered` };
  // Nothing failed proves nothing where nothing was checked.
  return { verdict: passed > 0 && failed === 0 ? 'pass' : 'FAIL' };
}

async function run() {
  const line = await new Promise((done, failed) => {
    createInterface({ input: server.stdout }).once('line', done);
    server.once('exit', (code) =>
      failed(new Error(`the server ended with ${code}; run npm run build first`)),
    );
  });
  const { url } = JSON.parse(line);
  const offered = await capabilities(url);
  const args = [
    '-y',
    suite,
    'server',
    '--url',
    `${url}/mcp`,
    '--suite',
    'all',
    '-o',
    join(folder, 'results'),
  ];
  const { stdout, stderr } = spawnSync('npx', args, { cwd: folder, encoding: 'utf8', timeout: 600_000 });
  const counted = [...stdout.matchAll(/^[✓✗] ([\w-]+): (\d+) passed, (\d+) failed/gmu)];
  const rows = counted.map(([, name, passed, failed]) => ({
    name,
    passed: Number(passed),
    failed: Number(failed),
    ...judge(name, Number(passed), Number(failed), offered),
  }));
  for (const { name, passed, failed, verdict, why = '' } of rows)
    process.stdout.write(
      `${name.padEnd(32)} ${passed} passed ${failed} failed  ${verdict.padEnd(8)} ${why}\n`,
    );
  const known = [...Object.keys(generic), ...Object.keys(notOurs)];
  const absent = known.filter((name) => !rows.some((row) => row.name === name));
  const bad = rows.filter(({ verdict }) => verdict === 'FAIL' || verdict === 'NEW');
  const passes = rows.filter(({ verdict }) => verdict === 'pass').length;
  process.stdout.write(
    `\n${rows.length} scenarios: ${passes} pass, ${rows.length - passes - bad.length} not ours, ${bad.length} failed or new, ${absent.length} not run\n`,
  );
  if (rows.length === 0) process.stderr.write(`${stderr}\n`);
  return rows.length > 0 && bad.length === 0 && absent.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await run();
} finally {
  server.kill('SIGTERM');
  await stop;
  rmSync(folder, { recursive: true, force: true });
}
