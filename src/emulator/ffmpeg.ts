import { type ChildProcess, spawn } from 'node:child_process';
import { access, chmod, constants } from 'node:fs/promises';
import path from 'node:path';

const maxProcesses = 2;
const keptReport = 32_768;

export interface FfmpegRun {
  /** Exit code; 0 is success. */
  readonly code: number;
  /** What it wrote to stderr: the first and the last 32 kB. */
  readonly report: string;
}

async function executable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function locate(): Promise<string> {
  const name = process.platform === 'win32' ? 'ffmpeg.exe' : 'ffmpeg';
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    const candidate = path.join(folder, name);
    if (folder && (await executable(candidate))) return candidate;
  }
  try {
    const { default: bundled } = await import('@ffmpeg-installer/ffmpeg');
    // npm may unpack it without its executable bit; a read-only install cannot be mended and may be fine.
    await chmod(bundled.path, 0o755).catch(() => undefined);
    if (await executable(bundled.path)) return bundled.path;
  } catch {
    // Not installed: the message below covers it.
  }
  throw new Error(
    'The emulator needs ffmpeg: put it on PATH, or install the npm package @ffmpeg-installer/ffmpeg.',
  );
}

/**
 * Runs ffmpeg, at most two processes at once. Works with the 2018 static build of
 * `@ffmpeg-installer/ffmpeg` and with current releases.
 */
export class Ffmpeg {
  #path: Promise<string> | undefined;
  #running = 0;
  #closed = false;
  readonly #waiting: Array<() => void> = [];
  readonly #children = new Set<ChildProcess>();

  /**
   * Runs once with these arguments. `urgent` goes ahead of waiting renders: a submit
   * call must not sit behind them.
   * @throws Error when ffmpeg cannot be found or started, or after `close`
   */
  async run(args: readonly string[], urgent = false): Promise<FfmpegRun> {
    this.#path ??= locate();
    const file = await this.#path;
    await this.#enter(urgent);
    try {
      if (this.#closed) throw new Error('The emulator was closed.');
      return await this.#spawn(file, args);
    } finally {
      this.#leave();
    }
  }

  /** Like `run`, but a failure is an Error with the end of ffmpeg's report. */
  async make(args: readonly string[]): Promise<void> {
    const { code, report } = await this.run(args);
    if (code !== 0) throw new Error(`ffmpeg ended with ${code}: ${report.slice(-600).trim()}`);
  }

  /** Ends every process that this instance started and waits until they are gone. */
  async close(): Promise<void> {
    this.#closed = true;
    const gone = [...this.#children].map((child) => new Promise((resolve) => child.once('close', resolve)));
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(gone);
  }

  async #enter(urgent: boolean): Promise<void> {
    if (this.#running < maxProcesses) {
      this.#running += 1;
      return;
    }
    await new Promise<void>((resolve) => {
      if (urgent) this.#waiting.unshift(resolve);
      else this.#waiting.push(resolve);
    });
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running -= 1;
  }

  #spawn(file: string, args: readonly string[]): Promise<FfmpegRun> {
    return new Promise((resolve, reject) => {
      const child = spawn(file, ['-nostdin', '-hide_banner', '-y', ...args], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      this.#children.add(child);
      let head = '';
      let tail = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        if (head.length < keptReport) head += text;
        else tail = (tail + text).slice(-keptReport);
      });
      child.once('error', (error) => {
        this.#children.delete(child);
        reject(error);
      });
      child.once('close', (code) => {
        this.#children.delete(child);
        resolve({ code: code ?? -1, report: head + tail });
      });
    });
  }
}
