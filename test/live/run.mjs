// `npm run test:live`: main.ts, bundled for this one run, since this Node.js may not read TypeScript.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

// As deep as its sources: they find the repository from where they are.
const outfile = join(import.meta.dirname, `.main-${process.pid}.mjs`);
try {
  const entryPoints = [join(import.meta.dirname, 'main.ts')];
  await build({
    entryPoints,
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.18',
    packages: 'external',
    loader: { '.jpg': 'file', '.mp3': 'file', '.mp4': 'file' },
  });
  const { main } = await import(pathToFileURL(outfile).href);
  process.exitCode = await main(process.argv.slice(2));
} finally {
  rmSync(outfile, { force: true });
}
