// What an installation weighs: the package as it is packed, and the tool list as a model is shown it.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { limited } from './report.mjs';

const root = resolve(import.meta.dirname, '..');
const tokens = (value) => encode(JSON.stringify(value)).length;
const shown = ({ name, description, inputSchema }) => ({ name, description, inputSchema });

/** Tokens of what a model is shown of these tools. */
export const shownTokens = (definitions) => tokens(definitions.map(shown));

/** @returns {Promise<import('./report.mjs').Row[]>} */
export async function measure() {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel', 'error'];
  const [packed] = JSON.parse(execFileSync('npm', args, { cwd: root, encoding: 'utf8' }));
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  );
  const catalog = JSON.parse(readFileSync(join(root, 'dist/catalog.json'), 'utf8'));
  const rows = [
    limited('package to download', packed.size / 1e6, 'MB', undefined, 1),
    limited('package installed', packed.unpackedSize / 1e6, 'MB', undefined, 1),
    limited('files in it', packed.entryCount, 'files'),
    limited('packages that it brings along', Object.keys(dependencies).length, 'packages'),
    limited('packages that it may bring along', Object.keys(optionalDependencies).length, 'packages'),
  ];
  for (const site of Object.keys(catalog)) {
    const definitions = catalog[site].map(({ definition }) => definition);
    const alone = catalog[site].filter(({ cloud }) => !cloud || cloud === 'dashscope');
    rows.push(
      limited(`tools/list as a model sees it, ${site}`, shownTokens(definitions), 'tokens', 6000),
      limited(
        `largest tool, ${site}`,
        Math.max(...definitions.map((each) => tokens(shown(each)))),
        'tokens',
        1200,
      ),
      limited(`whole tools/list, ${site}`, tokens(definitions), 'tokens', 9000),
      limited(
        `DashScope alone, ${site}`,
        shownTokens(alone.map(({ definition }) => definition)),
        'tokens',
        1500,
      ),
    );
  }
  return rows;
}
