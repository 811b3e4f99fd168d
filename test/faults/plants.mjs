import { cp, mkdir, readFile, symlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { build } from 'esbuild';
import { root } from './cloud.mjs';

/**
 * Bugs that the campaign must find: text of a source file and what stands there instead. They are planted
 * in a build of their own in a temporary directory; the product has no door for them.
 */
export const plants = {
  'retry-after-timeout': [
    ['src/core/failure.ts', "no_reply: 'unknown'", "no_reply: 'no'"],
    ['src/jobs/runner.ts', "stage === 'not_sent' && kind === 'network'", "kind === 'network'"],
  ],
  'forgotten-key': [
    ['src/jobs/store.ts', 'idempotency_key: job.idempotencyKey ?? null', 'idempotency_key: null'],
    ['src/mcp/submit.ts', 'if (existing) return', 'if (existing && false) return'],
  ],
  'lost-receipt': [
    [
      'src/jobs/store.ts',
      'if (!canMove(job.status, to))',
      "if (to === 'pending') change = { ...change, cloudTaskId: `${change.cloudTaskId}0` };\n if (!canMove(job.status, to))",
    ],
  ],
  'no-budget': [['src/jobs/budget.ts', 'Math.min(ours, queriesPerSecond)', '20_000']],
};

/** Builds the server with a bug in it. Returns its entry. */
export async function buildWithPlant(name, directory) {
  const changes = plants[name];
  if (!changes) throw new Error(`There is no plant "${name}": ${Object.keys(plants).join(', ')}.`);
  const planted = new Set();
  const plugin = {
    name: 'plant',
    setup({ onLoad }) {
      onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
        const file = relative(root, path);
        let contents = await readFile(path, 'utf8');
        for (const [wanted, sound, broken] of changes) {
          if (wanted !== file) continue;
          if (!contents.includes(sound)) throw new Error(`${file} has no "${sound}" any more`);
          contents = contents.replace(sound, broken);
          planted.add(wanted);
        }
        return { contents, loader: 'ts' };
      });
    },
  };
  const dist = join(directory, 'dist');
  await mkdir(dist, { recursive: true });
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  await cp(join(root, 'dist/catalog.json'), join(dist, 'catalog.json'));
  await cp(join(root, 'package.json'), join(directory, 'package.json'));
  await build({
    absWorkingDir: root,
    entryPoints: ['src/index.ts'],
    outdir: dist,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    conditions: ['node'],
    target: 'node20.18',
    logLevel: 'error',
    loader: { '.jpg': 'file', '.mp3': 'file', '.mp4': 'file' },
    external: ['libsql', '@ffmpeg-installer/ffmpeg', '@echogarden/espeak-ng-emscripten'],
    banner: {
      js: "import{createRequire as _require}from'node:module';const require=_require(import.meta.url);",
    },
    plugins: [plugin],
  });
  if (planted.size !== new Set(changes.map(([file]) => file)).size)
    throw new Error(`Not everything of "${name}" was planted.`);
  return join(dist, 'index.js');
}
