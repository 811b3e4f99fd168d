// `npm run pack:mcpb [-- FILE]`: puts the bundle for Claude Desktop together, has the official tool validate it, and packs it.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = import.meta.dirname;
const { name, version, type } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const manifest = JSON.parse(readFileSync(join(root, 'manifest.json'), 'utf8'));
if (manifest.version !== version)
  throw new Error(`manifest.json says ${manifest.version}, package.json says ${version}`);
const file = resolve(process.argv[2] ?? `${name}-${version}.mcpb`);
const tool = join(dirname(fileURLToPath(import.meta.resolve('@anthropic-ai/mcpb'))), 'cli/cli.js');
const mcpb = (...args) => execFileSync(process.execPath, [tool, ...args], { stdio: 'inherit' });

const bundle = mkdtempSync(join(tmpdir(), 'digital-human-mcpb-'));
try {
  const pictures = [...manifest.icons.map(({ src }) => src), ...manifest.screenshots];
  const files = [
    'manifest.json',
    'mcpb-resources',
    'LICENSE',
    'README.md',
    'README.zh-CN.md',
    'dist',
    ...pictures,
  ];
  for (const each of files) cpSync(join(root, each), join(bundle, each), { recursive: true });
  rmSync(join(bundle, 'dist/reference.js'));
  // Without it Node.js would take the bundle's modules for scripts.
  writeFileSync(join(bundle, 'package.json'), `${JSON.stringify({ name, version, type })}\n`);
  mcpb('validate', join(bundle, 'manifest.json'));
  mcpb('pack', bundle, file);
} finally {
  rmSync(bundle, { recursive: true, force: true });
}
