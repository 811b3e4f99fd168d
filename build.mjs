import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

// Written only once it is whole: a failed build leaves the last one in place.
const { outputFiles } = await build({
  write: false,
  entryPoints: ['src/index.ts', 'src/reference.ts'],
  outdir: 'dist',
  bundle: true,
  // What a tool list does not need stays in chunks of its own until it is asked for.
  splitting: true,
  format: 'esm',
  platform: 'node',
  conditions: ['node'],
  target: 'node20.18',
  minify: true,
  legalComments: 'none',
  chunkNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  loader: { '.jpg': 'file', '.mp3': 'file', '.mp4': 'file' },
  external: ['libsql', '@ffmpeg-installer/ffmpeg', '@echogarden/espeak-ng-emscripten'],
  // Bundled CommonJS packages ask for node's own modules by `require`.
  banner: {
    js: "import{createRequire as _require}from'node:module';const require=_require(import.meta.url);",
  },
});

rmSync('dist', { recursive: true, force: true });
mkdirSync('dist');
for (const { path, contents } of outputFiles)
  writeFileSync(path, contents, { mode: path.endsWith('index.js') ? 0o755 : 0o644 });

process.argv[2] = '--catalog';
await import('./dist/reference.js');
