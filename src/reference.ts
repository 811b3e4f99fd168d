import { readFileSync, writeFileSync } from 'node:fs';
import { operations, operationsAt } from './clouds/index.ts';
import { settingDefault, settingFacts } from './settings.ts';
import { failureKinds } from './core/failure.ts';
import { clouds } from './core/operation.ts';
import { mediaSummary } from './mcp/operation-page.ts';
import type { Catalog } from './mcp/catalog.ts';
import { catalogFor } from './mcp/tools.ts';

/** Everything that is projected from the literals into files: the prepared tool list and the README's tables. */
const root = new URL('../', import.meta.url);
const catalogFile = new URL('catalog.json', import.meta.url);
const readmes = [new URL('README.md', root)];

const code = (text: string | undefined) => (text ? `\`${text}\`` : '');
const cell = (text: string) => text.replaceAll('|', '\\|');
const table = (header: string[], rows: string[][]) =>
  [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.map(cell).join(' | ')} |`).join('\n');

const tables: Readonly<Record<string, () => string>> = {
  operations: () =>
    table(
      ['tool', 'operation', 'cloud', 'site', 'documented'],
      operations.map(({ name, wire }) => [
        `\`${name}\``,
        `\`${wire.operation}\``,
        clouds[wire.cloud],
        wire.site ?? 'both',
        wire.documentation.map(({ date }) => date).join(', '),
      ]),
    ),
  limits: () =>
    table(
      ['tool', 'site', 'field', 'limits'],
      operations.flatMap((operation) =>
        Object.entries(operation.wire.media).map(([field, limits]) => [
          code(operation.name),
          operation.wire.site ?? 'both',
          code(operation.inputField(field)),
          mediaSummary(limits),
        ]),
      ),
    ),
  tools: () =>
    table(
      ['tool', 'does'],
      catalogFor('cn').map(({ definition }) => [`\`${definition.name}\``, definition.description]),
    ),
  settings: () =>
    table(
      ['environment', 'option', 'default', 'meaning'],
      settingFacts.map(({ environment, flag, description }) => [
        `\`${environment}\``,
        code(flag && `--${flag}`),
        code(settingDefault(environment)),
        description,
      ]),
    ),
  errors: () =>
    table(
      ['kind', 'meaning'],
      Object.entries(failureKinds).map(([kind, meaning]) => [`\`${kind}\``, meaning]),
    ),
};

function generated(text: string): string {
  const absent = Object.keys(tables).filter((name) => !text.includes(`<!-- generated:${name} -->`));
  if (absent.length > 0) throw new Error(`no place for the tables ${absent.join(', ')}`);
  return text.replaceAll(
    /(<!-- generated:(\w+) -->\n)(?:(?!<!--)[\s\S])*(<!-- \/generated -->)/g,
    (_, start: string, name: string, end: string) => {
      const make = tables[name];
      if (!make) throw new Error(`no table is called ${name}`);
      return `${start}\n${make()}\n\n${end}`;
    },
  );
}

/** `--catalog` prepares the tool list beside the bundle; `--write` renews the README's tables; `--check` compares them. */
function run(mode: string | undefined): number {
  if (mode === '--catalog') {
    const catalog: Catalog = { cn: catalogFor('cn'), intl: catalogFor('intl') };
    writeFileSync(catalogFile, JSON.stringify(catalog));
    return operationsAt('cn').length > 0 ? 0 : 1;
  }
  let stale = 0;
  for (const file of readmes) {
    const text = readFileSync(file, 'utf8');
    const fresh = generated(text);
    if (fresh === text) continue;
    stale++;
    if (mode === '--write') writeFileSync(file, fresh);
    else process.stderr.write(`${file.pathname} is stale: npm run reference\n`);
  }
  return mode === '--write' || stale === 0 ? 0 : 1;
}

process.exitCode = run(process.argv[2]);
