import { rmSync } from 'node:fs';
import { build } from 'esbuild';

rmSync('dist', { recursive: true, force: true });

await build({
  entryPoints: ['src/index.ts', 'src/reference.ts'],
  outdir: 'dist',
  bundle: true,
  // What a tool list does not need stays in chunks of its own until it is asked for.
  splitting: true,
  format: 'esm',
  platform: 'node',
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

process.argv[2] = '--catalog';
await import('./dist/reference.js');
