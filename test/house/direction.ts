import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative } from 'node:path';

/** What each room may import: rooms below it, and the packages that belong to it. Arrows point at `core`. */
const rooms: Readonly<Record<string, { rooms: readonly string[]; packages: readonly string[] }>> = {
  core: { rooms: ['core'], packages: ['zod'] },
  log: { rooms: ['core'], packages: [] },
  version: { rooms: [], packages: [] },
  clouds: { rooms: ['core', 'clouds', 'log'], packages: ['zod', 'undici', 'saxes'] },
  media: {
    rooms: ['core', 'clouds', 'media', 'log'],
    packages: [
      'zod',
      'undici',
      'aws4fetch',
      'ipaddr.js',
      'mediainfo.js',
      'mediabunny',
      'unpdf',
      'yauzl',
      'cfb',
      'p-limit',
    ],
  },
  jobs: {
    rooms: ['core', 'clouds', 'media', 'jobs', 'log'],
    packages: ['zod', 'kysely', 'libsql', 'pg', 'graphile-worker'],
  },
  emulator: {
    rooms: ['core', 'clouds', 'emulator'],
    packages: ['zod', '@ffmpeg-installer/ffmpeg', '@echogarden/espeak-ng-emscripten'],
  },
  'http-settings': { rooms: ['core'], packages: ['zod'] },
  settings: { rooms: ['core', 'log', 'http-settings'], packages: ['zod'] },
  config: { rooms: ['core', 'clouds', 'media', 'log', 'settings', 'http-settings'], packages: ['zod'] },
  mcp: {
    rooms: [
      'core',
      'clouds',
      'media',
      'jobs',
      'emulator',
      'mcp',
      'config',
      'http-settings',
      'log',
      'version',
    ],
    packages: [
      'zod',
      '@modelcontextprotocol/node',
      '@modelcontextprotocol/server',
      '@modelcontextprotocol/server/stdio',
      'fastest-levenshtein',
      'jose',
      'prom-client',
    ],
  },
  cli: {
    rooms: ['core', 'clouds', 'media', 'jobs', 'emulator', 'mcp', 'config', 'log', 'version', 'cli'],
    packages: ['@modelcontextprotocol/client', '@modelcontextprotocol/client/stdio'],
  },
  index: { rooms: ['core', 'config', 'settings', 'log', 'mcp', 'cli', 'version'], packages: [] },
  'registry-entry': { rooms: ['settings', 'version'], packages: ['zod'] },
  reference: { rooms: ['core', 'clouds', 'settings', 'mcp', 'registry-entry'], packages: [] },
};

/** The only parts of `clouds` that the emulator may see: the list of operations, for the wire half of each. */
const emulatorSees = new Set(['clouds/index.ts']);
const imports = /(?:\bfrom\s+|\bimport\s+|\bimport\(\s*|\brequire\(\s*|\bload\(\s*)'([^']+)'/g;

/** Every source file, as path below `src` and text. */
export function sources(root: string): Map<string, string> {
  const folder = join(root, 'src');
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const files = names.filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'));
  return new Map(
    files.map((name) => [
      relative('.', name).replaceAll('\\', '/'),
      readFileSync(join(folder, name), 'utf8'),
    ]),
  );
}

const roomOf = (file: string) => (file.split('/')[0] ?? '').replace(/\.ts$/, '');

/** Every import that points the wrong way, and every mention by the emulator of our own half. */
export function violations(files: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  for (const [file, text] of files) {
    const room = roomOf(file);
    const rule = rooms[room];
    if (!rule) {
      found.push(`${file}: no rule for the room ${room}`);
      continue;
    }
    for (const [, target = ''] of text.matchAll(imports)) {
      if (target.startsWith('node:') || target.endsWith('package.json') || /\.(jpg|mp3|mp4)$/.test(target))
        continue;
      if (!target.startsWith('.')) {
        if (!rule.packages.includes(target)) found.push(`${file} imports the package ${target}`);
        continue;
      }
      const path = posix.normalize(posix.join(posix.dirname(file), target));
      if (!rule.rooms.includes(roomOf(path))) found.push(`${file} imports ${path}`);
      if (room === 'emulator' && path.startsWith('clouds/') && !emulatorSees.has(path))
        found.push(`${file} imports ${path}: the emulator sees wires only`);
    }
    const code = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    if (room === 'emulator' && /\.(encode|decode|mediaFields)\b/.test(code))
      found.push(`${file} uses our half of an operation`);
    if (file !== 'index.ts' && /process\.exit\(/.test(code)) found.push(`${file} ends the process`);
  }
  return found;
}
