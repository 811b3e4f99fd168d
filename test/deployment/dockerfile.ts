import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

export interface Instruction {
  readonly word: string;
  readonly rest: string;
}

/** What an image would be started as, and where its files lie here. */
export interface Image {
  readonly folder: string;
  /** Of all stages. */
  readonly folders: readonly string[];
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly user: string;
  readonly healthcheck: readonly string[];
  /** How often each instruction was carried out. */
  readonly done: Readonly<Record<string, number>>;
}

export function instructions(text: string): Instruction[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [word = '', ...rest] = line.split(' ');
      return { word, rest: rest.join(' ') };
    });
}

interface Stage {
  readonly folder: string;
  workingDirectory: string;
}

function run(command: string, cwd: string): void {
  const { status, stderr, stdout } = spawnSync('sh', ['-c', command], { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`RUN ${command} ended with ${status}: ${stdout}${stderr}`);
}

/**
 * Carries out a Dockerfile's instructions without Docker: each stage is a folder, its absolute paths lie below
 * that folder. An instruction that is not known here is an error, and so is a base that is no Node.
 *
 * @param install a folder of installed packages to link instead of running `npm ci`; undefined runs it
 */
export function carryOut(text: string, context: string, install: string | undefined): Image {
  const stages = new Map<string, Stage>();
  const done: Record<string, number> = {};
  const environment: Record<string, string> = {};
  let stage: Stage | undefined;
  let entry: string[] = [];
  let command: string[] = [];
  let healthcheck: string[] = [];
  let user = 'root';
  const here = (path: string) => {
    if (!stage) throw new Error('before the first FROM');
    return path.startsWith('/') ? join(stage.folder, path) : join(stage.folder, stage.workingDirectory, path);
  };
  for (const { word, rest } of instructions(text)) {
    done[word] = (done[word] ?? 0) + 1;
    switch (word) {
      case 'FROM': {
        const [known, name = ''] = /^node:\d+-alpine(?: AS (\w+))?$/.exec(rest) ?? [];
        if (known === undefined) throw new Error(`FROM ${rest}`);
        stage = { folder: mkdtempSync(join(tmpdir(), 'image stage ')), workingDirectory: '/' };
        stages.set(name, stage);
        user = 'root';
        break;
      }
      case 'WORKDIR':
        if (stage) stage.workingDirectory = rest;
        mkdirSync(here('.'), { recursive: true });
        break;
      case 'COPY': {
        const options = [...rest.matchAll(/--(\w+)=(\S+)/g)].map(([, name, value]) => [name, value]);
        const { from } = Object.fromEntries(options) as { from?: string };
        const paths = rest.split(' ').filter((part) => !part.startsWith('--'));
        const target = paths.pop() ?? '';
        const source = from === undefined ? context : (stages.get(from)?.folder ?? '');
        if (source === '') throw new Error(`COPY --from=${from}`);
        for (const path of paths) {
          if (!existsSync(join(source, path))) throw new Error(`COPY ${path}: not in the context`);
          const whole = statSync(join(source, path)).isDirectory() ? target : join(target, basename(path));
          cpSync(join(source, path), here(whole), { recursive: true });
        }
        break;
      }
      case 'RUN':
        if (install !== undefined && rest.startsWith('npm ci')) symlinkSync(install, here('node_modules'));
        else run(rest, here('.'));
        break;
      case 'ENV': {
        const [name = '', value = ''] = rest.split('=');
        environment[name] = value;
        break;
      }
      case 'HEALTHCHECK':
        healthcheck = JSON.parse(rest.slice(rest.indexOf('['))) as string[];
        break;
      case 'ENTRYPOINT':
        entry = JSON.parse(rest) as string[];
        break;
      case 'CMD':
        command = JSON.parse(rest) as string[];
        break;
      case 'USER':
        user = rest;
        break;
      case 'VOLUME':
      case 'EXPOSE':
        break;
      default:
        throw new Error(`${word} is not known here`);
    }
  }
  if (!stage) throw new Error('no FROM');
  const { folder, workingDirectory } = stage;
  const folders = [...stages.values()].map((each) => each.folder);
  const started = { command: [...entry, ...command], user, workingDirectory, environment };
  return { ...started, folder, folders, healthcheck, done };
}
