import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { entry } from '../harness/processes.ts';

export interface HttpServerProcess {
  readonly url: string;
  readonly pid: number;
  /** Standard error so far. */
  errors(): string;
  /** Every log line with this message. */
  lines(message: string): Array<Record<string, unknown>>;
  signal(name: NodeJS.Signals): void;
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
  stop(): Promise<number | null>;
}

/** Starts `digital-human-mcp http` as a process of its own, on a free port, and reads its announcement. */
export async function startHttpServer(
  environment: Record<string, string>,
  args: ReadonlyArray<string | readonly string[]> = [],
): Promise<HttpServerProcess> {
  const child = spawn(process.execPath, [entry, 'http', '--http-port', '0', ...args.flat()], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...environment },
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString('utf8');
  });
  const ended = new Promise<number | null>((done) => {
    child.once('exit', (code) => done(code));
  });
  const line = await new Promise<string>((done, failed) => {
    createInterface({ input: child.stdout }).once('line', done);
    child.once('exit', (code) => failed(new Error(`the server ended with ${code}: ${errors}`)));
  });
  return {
    url: (JSON.parse(line) as { url: string }).url,
    pid: child.pid ?? 0,
    errors: () => errors,
    lines: (message) =>
      errors
        .split('\n')
        .filter((text) => text.startsWith('{'))
        .map((text) => JSON.parse(text) as Record<string, unknown>)
        .filter((each) => each.message === message),
    signal: (name) => void child.kill(name),
    ended,
    async stop() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

/** Runs the http command where it is to refuse, and says how it ended. */
export function refusedStart(environment: Record<string, string>, args: readonly string[] = []) {
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    [entry, 'http', '--http-port', '0', ...args],
    {
      encoding: 'utf8',
      timeout: 30_000,
      env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...environment },
    },
  );
  return { status, stderr, stdout };
}

export interface TokensFile {
  readonly path: string;
  readonly tokens: Readonly<Record<string, string>>;
}

/** A tokens file for these names, each with its scopes. */
export async function tokensFile(
  folder: string,
  scopes: Readonly<Record<string, readonly string[]>>,
): Promise<TokensFile> {
  const tokens: Record<string, string> = {};
  const lines = Object.entries(scopes).map(([name, granted]) => {
    const token = `test-${name}-${randomBytes(16).toString('hex')}`;
    tokens[name] = token;
    return JSON.stringify({
      name,
      sha256: createHash('sha256').update(token).digest('hex'),
      scopes: granted,
    });
  });
  const path = join(folder, 'tokens.jsonl');
  await writeFile(path, `${lines.join('\n')}\n`);
  return { path, tokens };
}

/** Waits until something holds; for what no event tells of. */
export async function until(holds: () => boolean | Promise<boolean>, patienceMs = 30_000): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it never came to hold');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
