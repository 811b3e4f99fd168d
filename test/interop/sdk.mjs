/*
 * The emulator against the vendor's own clients: what they sign must be accepted, what they send must be
 * understood, and what is wrong must be refused with the code that they know. Run after a build, with access
 * to the npm registry; nothing is installed but into a folder that is removed at the end.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');
const packages = ['tencentcloud-sdk-nodejs@4.1.313', 'tencentcloud-sdk-nodejs-intl-en@3.0.1335'];
const deadlineMs = 170_000;

const say = (line) => process.stdout.write(`${line}\n`);
let passed = 0;
let failed = 0;

async function check(name, work) {
  try {
    await work();
    passed += 1;
    say(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    say(`FAIL  ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function expectThat(condition, text) {
  if (!condition) throw new Error(text);
}

/** The code with which a client is refused. */
async function refusal(call) {
  try {
    return `accepted: ${JSON.stringify(await call())}`;
  } catch (error) {
    return error.code || String(error);
  }
}

function install(folder) {
  const command = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const args = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', folder];
  const options = { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], timeout: 100_000, encoding: 'utf8' };
  const { status, stderr, error } = spawnSync(command, [...args, ...packages], options);
  if (status !== 0)
    throw new Error(`npm install failed: ${error ? error.message : String(stderr).slice(-400)}`);
}

/** Serves the demo media. */
async function mediaServer() {
  const folder = path.join(root, 'src/cli/demo-media');
  const server = createServer((incoming, response) => {
    readFile(path.join(folder, path.basename(incoming.url ?? ''))).then(
      (body) => response.end(body),
      () => response.writeHead(404).end(),
    );
  });
  return listening(server);
}

/** Passes requests on, with the body changed on the way when it is told to. */
async function meddler(target) {
  const state = { change: (body) => body };
  const server = createServer((incoming, response) => {
    const chunks = [];
    incoming.on('data', (chunk) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = Buffer.from(state.change(Buffer.concat(chunks).toString('utf8')));
      const headers = { ...incoming.headers, 'content-length': String(body.length) };
      const { hostname, port } = new URL(target);
      const onward = request(
        { hostname, port, method: incoming.method, path: incoming.url, headers },
        (reply) => {
          response.writeHead(reply.statusCode ?? 502, reply.headers);
          reply.pipe(response);
        },
      );
      onward.on('error', () => response.writeHead(502).end());
      onward.end(body);
    });
  });
  return Object.assign(state, await listening(server));
}

async function listening(server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${server.address().port}`,
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Starts the built emulator and reads its first line: the address and the keys. */
async function startEmulator() {
  const args = [path.join(root, 'dist/index.js'), 'emulator', '--port', '0', '--speed', '100'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors = (errors + text).slice(-2000);
  });
  const line = await new Promise((resolve, reject) => {
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
    });
    child.once('exit', (code) => reject(new Error(`the emulator ended with ${code}: ${errors}`)));
  });
  const stop = async () => {
    child.kill('SIGTERM');
    const patience = setTimeout(() => child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(patience);
  };
  return { ...JSON.parse(line), stop };
}

/** Clients of both sites, with the endpoint and the keys of the emulator. */
function clients(folder) {
  const load = createRequire(path.join(folder, 'package.json'));
  const domestic = load('tencentcloud-sdk-nodejs').vclm.v20240523.Client;
  const { vclm, common } = load('tencentcloud-sdk-nodejs-intl-en');
  const { Client, Models } = vclm.v20240523;
  return {
    domestic: (endpoint, { secret_id: secretId, secret_key: secretKey }) =>
      new domestic({
        credential: { secretId, secretKey },
        region: 'ap-guangzhou',
        profile: { httpProfile: { endpoint, protocol: 'http://' } },
      }),
    // This client wants a model for every request, and a callback.
    international: (endpoint, { secret_id: secretId, secret_key: secretKey }) => {
      const http = Object.assign(new common.HttpProfile(), { endpoint, protocol: 'http://' });
      const profile = new common.ClientProfile('TC3-HMAC-SHA256', http);
      const client = new Client(new common.Credential(secretId, secretKey), 'ap-singapore', profile);
      return (action, fields) =>
        new Promise((resolve, reject) => {
          const model = new Models[`${action}Request`]();
          model.from_json_string(JSON.stringify(fields));
          client[action](model, (error, reply) => (error ? reject(error) : resolve(reply)));
        });
    },
  };
}

async function until(ask, suits) {
  for (let tries = 0; tries < 400; tries += 1) {
    const reply = await ask();
    if (suits(reply)) return reply;
    await pause(100);
  }
  throw new Error('the job did not end in 40 s');
}

async function isVideo(url) {
  const response = await fetch(url);
  const body = Buffer.from(await response.arrayBuffer());
  expectThat(response.status === 200, `HTTP ${response.status} for the result`);
  expectThat(body.toString('latin1', 4, 8) === 'ftyp', 'the result is no MP4 file');
  expectThat(body.length > 10_000, `the result has only ${body.length} bytes`);
}

async function fault(url, body) {
  const route = body ? 'faults' : 'reset';
  const response = await fetch(`${url}/_emulator/${route}`, {
    method: 'POST',
    body: JSON.stringify(body ?? {}),
  });
  expectThat(response.ok, `the control route ${route} answered ${response.status}`);
}

async function runChecks(emulator, media, proxy, sdk) {
  const { url, vclm: keys } = emulator;
  const endpoint = new URL(url).host;
  const china = sdk.domestic(endpoint, keys);
  const abroad = sdk.international(endpoint, keys);
  const JobId = '1234567890123456789';

  await check('domestic SDK: SubmitPortraitSingJob to DONE', async () => {
    const files = { AudioUrl: `${media.url}/line.mp3`, ImageUrl: `${media.url}/portrait.jpg` };
    const { JobId: id } = await china.SubmitPortraitSingJob(files);
    const end = await until(
      () => china.DescribePortraitSingJob({ JobId: id }),
      ({ StatusCode }) => StatusCode !== 'RUN',
    );
    expectThat(end.StatusCode === 'DONE' && end.JobId === id, JSON.stringify(end));
    await isVideo(end.ResultVideoUrl);
  });

  await check('international SDK: SubmitImageAnimateJob to DONE, with a mask', async () => {
    const ImageUrl = `${media.url}/portrait.jpg`;
    const { JobId: id } = await abroad('SubmitImageAnimateJob', {
      ImageUrl,
      TemplateId: 'ke3',
      EnableSegment: true,
    });
    const end = await until(
      () => abroad('DescribeImageAnimateJob', { JobId: id }),
      ({ Status }) => Status === 'DONE' || Status === 'FAIL',
    );
    expectThat(end.Status === 'DONE', JSON.stringify(end));
    await isVideo(end.ResultVideoUrl);
    await isVideo(end.MaskVideoUrl);
  });

  const refused = (name, code, call) =>
    check(`${name}: ${code}`, async () => {
      const found = await refusal(call);
      expectThat(found === code, `got ${found}`);
    });
  const ask = (client) => () => client.DescribePortraitSingJob({ JobId });
  const askAbroad = (call) => () => call('DescribeImageAnimateJob', { JobId });

  await refused('unknown job', 'FailedOperation.JobNotExist', ask(china));
  await refused('unknown job, international', 'FailedOperation.JobNotExist', askAbroad(abroad));
  const wrongKey = { ...keys, secret_key: 'x'.repeat(32) };
  await refused('wrong secret key', 'AuthFailure.SignatureFailure', ask(sdk.domestic(endpoint, wrongKey)));
  await refused(
    'wrong secret key, international',
    'AuthFailure.SignatureFailure',
    askAbroad(sdk.international(endpoint, wrongKey)),
  );
  const wrongId = { ...keys, secret_id: `AKID${'x'.repeat(32)}` };
  await refused('unknown secret id', 'AuthFailure.SecretIdNotFound', ask(sdk.domestic(endpoint, wrongId)));
  await refused(
    'unknown secret id, international',
    'AuthFailure.SecretIdNotFound',
    askAbroad(sdk.international(endpoint, wrongId)),
  );

  await fault(url, { call: 'query', fault: 'clock', offset_seconds: 600 });
  await refused('clock ten minutes off', 'AuthFailure.SignatureExpire', ask(china));
  await refused('clock ten minutes off, international', 'AuthFailure.SignatureExpire', askAbroad(abroad));
  await fault(url);

  const between = sdk.domestic(proxy.host, keys);
  await refused('body passed on as signed', 'FailedOperation.JobNotExist', ask(between));
  proxy.change = (body) => body.replace(JobId, `2${JobId.slice(1)}`);
  await refused('body changed after signing', 'AuthFailure.SignatureFailure', ask(between));
}

const folder = await mkdtemp(path.join(tmpdir(), 'digital-human-interop-'));
const closers = [() => rm(folder, { recursive: true, force: true, maxRetries: 3 })];
const clean = async () => {
  for (const close of closers.splice(0).toReversed()) await close();
};
const late = setTimeout(() => {
  say(`FAIL  not done in ${deadlineMs / 1000} s`);
  void clean().finally(() => process.exit(1));
}, deadlineMs);
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => void clean().finally(() => process.exit(1)));

try {
  await writeFile(path.join(folder, 'package.json'), '{"private":true}');
  install(folder);
  const sdk = clients(folder);
  const emulator = await startEmulator();
  closers.push(emulator.stop);
  const media = await mediaServer();
  closers.push(media.close);
  const proxy = await meddler(emulator.url);
  closers.push(proxy.close);
  await runChecks(emulator, media, proxy, sdk);
} catch (error) {
  failed += 1;
  say(`FAIL  ${error instanceof Error ? error.message : String(error)}`);
} finally {
  clearTimeout(late);
  await clean();
}
say(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
