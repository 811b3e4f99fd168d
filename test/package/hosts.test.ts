import { Client } from '@modelcontextprotocol/client';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Block, readPage } from '../harness/markdown.ts';
import { runCommand, scratch } from '../harness/processes.ts';
import { openSession } from '../harness/sessions.ts';
import { startHttpServer } from '../http/server.ts';

/** What a host is told to start. */
interface Start {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** As much of TOML as a host's file takes: tables, strings, numbers, lists of strings. */
function parseToml(text: string): Record<string, unknown> {
  const whole: Record<string, unknown> = {};
  let table = whole;
  for (const line of text.split('\n').filter((each) => each.trim() !== '')) {
    const [, header] = /^\[([\w.-]+)\]$/.exec(line) ?? [];
    const [, key, value] = /^([\w-]+) = (.+)$/.exec(line) ?? [];
    if (header) {
      table = whole;
      for (const name of header.split('.')) table = (table[name] ??= {}) as Record<string, unknown>;
    } else if (key && value) table[key] = JSON.parse(value) as unknown;
    else throw new Error(`no TOML: ${line}`);
  }
  return whole;
}

/** `claude mcp add NAME --env KEY=VALUE -- COMMAND`. */
function parseCommandLine(text: string): Start {
  const words = text.trim().split(' ');
  const end = words.indexOf('--');
  const env = words.flatMap((word, at) => (words[at - 1] === '--env' && at < end ? [word.split('=')] : []));
  const [command = '', ...args] = words.slice(end + 1);
  return { command, args, env: Object.fromEntries(env) as Record<string, string> };
}

function startOf({ language, text }: Block): Start {
  if (language === 'sh') return parseCommandLine(text);
  const parsed = (language === 'toml' ? parseToml(text) : JSON.parse(text)) as Record<string, unknown>;
  const servers = parsed.mcpServers ?? parsed.servers ?? parsed.mcp_servers ?? { own: parsed };
  const [[, start] = [], ...more] = Object.entries(servers as Record<string, Start>);
  if (!start || more.length > 0) throw new Error(`not one server: ${text}`);
  return start;
}

/** What a host puts in the place of its own variables; every one must be known to some host. */
function filledIn(value: string): string {
  const filled = value.replace(/^\$\{(input:[\w-]+|env:\w+|DASHSCOPE_API_KEY)\}$/, 'sk-from-the-host');
  if (filled.includes('${')) throw new Error(`no host knows ${value}`);
  return filled;
}

const everywhere = ['get_progress', 'list_jobs', 'cancel_job', 'download_result', 'check_media'];
const { blocks } = readPage('README.md');
const install = blocks.filter(({ headings }) => headings[1] === 'Install');
const overHttp = install.filter(({ headings }) => headings[2] === 'Over HTTP');
const overPipes = install.filter((block) => !overHttp.includes(block));
const trial = blocks.filter(
  ({ headings, language }) => headings[1] === 'Try it without keys' && language === 'json',
);

let place: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  place = await scratch();
});
afterAll(() => place.remove());

describe('the blocks that hosts are given', () => {
  it('are there for every host', () => {
    const named = [...trial, ...install].map(({ headings, language }) => `${headings.at(-1)}: ${language}`);
    expect(named).toEqual([
      'Try it without keys: json',
      'Claude Desktop: json',
      'Claude Code: sh',
      'Claude Code: json',
      'VS Code: json',
      'Cursor: json',
      'Codex: toml',
      'Any other host: json',
      'Over HTTP: sh',
      'Over HTTP: json',
    ]);
  });

  it.each(
    [...trial, ...overPipes].map((block, at) => [at, block.headings.at(-1), block.language, block] as const),
  )('number %i (%s, %s) starts a server that lists its tools', async (_, host, __, block) => {
    const { command, args, env = {} } = startOf(block);
    const [yes, name, ...options] = args;
    expect([command, yes, name]).toEqual(['npx', '-y', 'digital-human-mcp']);
    const environment = Object.fromEntries(Object.entries(env).map(([key, value]) => [key, filledIn(value)]));
    const session = await openSession('legacy', {
      environment: { ...environment, DIGITAL_HUMAN_DATA_DIR: place.path },
      args: options,
    });
    const names = (await session.listTools()).map((tool) => tool.name);
    await session.close();
    expect(names).toEqual(expect.arrayContaining(everywhere));
    // One cloud has its key: its tools are listed and no others. The trial needs none and lists all.
    if (host === 'Try it without keys') expect(names).toHaveLength(15);
    else {
      const submits = names.filter((each) => !everywhere.includes(each) && each !== 'list_assets');
      expect(submits.includes('video_retalk')).toBe('DASHSCOPE_API_KEY' in env);
      expect(submits.includes('photo_to_video')).toBe('IVH_APP_KEY' in env);
      expect(submits).toHaveLength('IVH_APP_KEY' in env ? 6 : 1);
    }
    expect(session.errors()).not.toMatch(/error|fault/i);
  });

  it('over HTTP: the commands make a token and a server, and the block reaches it', async () => {
    const [commands, host] = overHttp;
    const lines = (commands?.text ?? '')
      .trim()
      .split('\n')
      .map((line) => line.split(' '));
    for (const words of lines) expect(words.slice(0, 3)).toEqual(['npx', '-y', 'digital-human-mcp']);
    const [[, , , ...makeToken] = [], [, , , command, ...options] = []] = lines;
    expect(command).toBe('http');
    const { stdout } = await runCommand(makeToken);
    const [, token = '', , stored = ''] = stdout.split('\n');
    const file = join(place.path, options.at(-1) ?? '');
    await writeFile(file, `${stored}\n`);
    const server = await startHttpServer(
      { DIGITAL_HUMAN_SANDBOX: 'on', DIGITAL_HUMAN_DATA_DIR: place.path },
      [...options.slice(0, -1), file],
    );
    try {
      const { mcpServers } = JSON.parse(host?.text ?? '{}') as {
        mcpServers: Record<string, { type: string; url: string; headers: Record<string, string> }>;
      };
      const [{ type, url, headers } = { type: '', url: '', headers: {} }] = Object.values(mcpServers);
      expect(type).toBe('http');
      const sent = Object.entries(headers).map(([name, value]) => [
        name,
        value.replace('${DIGITAL_HUMAN_TOKEN}', token),
      ]);
      const client = new Client({ name: 'host', version: '1.0.0' });
      await client.connect(
        new StreamableHTTPClientTransport(new URL(new URL(url).pathname, server.url), {
          requestInit: { headers: Object.fromEntries(sent) as Record<string, string> },
        }),
      );
      expect((await client.listTools()).tools).toHaveLength(15);
      await client.close();
    } finally {
      await server.stop();
    }
  });
});
