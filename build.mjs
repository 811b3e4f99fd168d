import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

// Written only once it is whole: a failed build leaves the last one in place.
const { outputFiles, metafile } = await build({
  write: false,
  metafile: true,
  entryPoints: ['src/index.ts', 'src/reference.ts'],
  outdir: 'dist',
  bundle: true,
  // What a tool list does not need stays in chunks of its own until it is asked for.
  splitting: true,
  format: 'esm',
  platform: 'node',
  conditions: ['node'],
  alias: { '@modelcontextprotocol/server/_shims': './src/mcp/sdk-platform.ts' },
  target: 'node20.18',
  minify: true,
  legalComments: 'none',
  chunkNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  loader: { '.jpg': 'file', '.mp3': 'file', '.mp4': 'file' },
  external: ['libsql', 'pg-native', '@ffmpeg-installer/ffmpeg', '@echogarden/espeak-ng-emscripten'],
  // Bundled CommonJS packages ask for node's own modules by `require`.
  banner: {
    js: "import{createRequire as _require}from'node:module';const require=_require(import.meta.url);",
  },
});

rmSync('dist', { recursive: true, force: true });
mkdirSync('dist');
for (const { path, contents } of outputFiles)
  writeFileSync(path, contents, { mode: path.endsWith('index.js') ? 0o755 : 0o644 });
copyFileSync('node_modules/mediainfo.js/dist/MediaInfoModule.wasm', 'dist/MediaInfoModule.wasm');
writeFileSync('dist/licenses.txt', licenses(Object.keys(metafile.inputs)));

/** What is bundled is passed on, and its licences ask to be passed on with it. */
function licenses(inputs) {
  const folders = inputs.map((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  return [...new Set(folders.filter(Boolean))]
    .toSorted((one, other) => one.localeCompare(other))
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      const file = readdirSync(folder).find((each) => /^(licen[cs]e|copying)/i.test(each));
      const text = file ? readFileSync(join(folder, file), 'utf8').trim() : '';
      return `${name} ${version} (${license})\n\n${text}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}

process.argv[2] = '--catalog';
await import('./dist/reference.js');
