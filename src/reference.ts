import { readFileSync, writeFileSync } from 'node:fs';
import { operations, operationsAt } from './clouds/index.ts';
import { registryEntry } from './registry-entry.ts';
import { settingDefault, settingFacts } from './settings.ts';
import { failureKinds } from './core/failure.ts';
import { clouds, type Operation } from './core/operation.ts';
import { mediaSummary } from './mcp/operation-page.ts';
import type { Catalog } from './mcp/catalog.ts';
import { catalogFor } from './mcp/tools.ts';

/**
 * Everything that is projected from the literals into files: the prepared tool list, the READMEs' tables (alike in
 * both languages, so that neither can say less) and the registry's server.json.
 */
const root = new URL('../', import.meta.url);
const catalogFile = new URL('catalog.json', import.meta.url);
const readmes = ['README.md', 'README.zh-CN.md'];

const code = (text: string | undefined) => (text ? `\`${text}\`` : '');
const cell = (text: string) => text.replaceAll('|', '\\|');
const lifetime = (seconds: number) =>
  seconds >= 7 * 86_400 ? `${seconds / 86_400} days` : `${seconds / 3600} h`;
const table = (header: string[], rows: string[][]) =>
  [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.map(cell).join(' | ')} |`).join('\n');

/** The codes that people meet first, by the operation that stands for its cloud. The others are on its page. */
const telling: Readonly<Record<string, readonly string[]>> = {
  submit_portrait_sing: [
    'AuthFailure.SecretIdNotFound',
    'AuthFailure.SignatureFailure',
    'AuthFailure.SignatureExpire',
    'UnauthorizedOperation',
    'UnsupportedRegion',
    'ResourceUnavailable.NotExist',
    'ResourceUnavailable.InArrears',
    'RequestLimitExceeded.JobNumExceed',
    'FailedOperation.JobNotFound',
    'FailedOperation.DownloadError',
    'InvalidParameterValue.NoFaceInPhoto',
    'InvalidParameterValue.TooManyFaces',
    'FailedOperation.ModerationFailed',
  ],
  photo_to_video: [
    '100005',
    '100008',
    '100013',
    '100015',
    '100016',
    '110006',
    '801005',
    '801008',
    '801510',
    '802000',
    '802001',
    '802003',
  ],
  video_retalk: [
    'InvalidApiKey',
    'AccessDenied.Unpurchased',
    'Arrearage',
    'AllocationQuota.FreeTierOnly',
    'Model.AccessDenied',
    'ModelNotFound',
    'InvalidURL.ConnectionRefused',
    'InvalidURL.Timeout',
    'InvalidFile.Resolution',
    'InvalidFile.Duration',
    'InvalidFile.FaceNotMatch',
    'DataInspectionFailed',
  ],
};

function codeRows({ wire }: Operation, codes: readonly string[]): string[][] {
  const { call, task } = wire.errors;
  return codes.map((each) => {
    const found = call[each] ?? task[each];
    if (!found) throw new Error(`${clouds[wire.cloud]} documents no code ${each}`);
    return [clouds[wire.cloud], code(each), found.kind, found.advice];
  });
}

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
  codes: () =>
    table(
      ['cloud', 'code', 'kind', 'what to do'],
      Object.entries(telling).flatMap(([name, codes]) => {
        const operation = operations.find((each) => each.name === name);
        if (!operation) throw new Error(`there is no operation ${name}`);
        return codeRows(operation, codes);
      }),
    ),
  lifetimes: () =>
    table(
      ['tool', 'results live', 'the task can be asked for', 'lane', 'at once'],
      operationsAt('cn').map(({ name, wire: { resultLifetimeSeconds, taskLifetimeSeconds, lane } }) => [
        code(name),
        lifetime(resultLifetimeSeconds),
        lifetime(taskLifetimeSeconds),
        code(lane.name),
        String(lane.parallel ?? lane.size),
      ]),
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

/** `--catalog` prepares the tool list beside the bundle; `--write` renews the files; `--check` compares them. */
function run(mode: string | undefined): number {
  if (mode === '--catalog') {
    const catalog: Catalog = { cn: catalogFor('cn'), intl: catalogFor('intl') };
    writeFileSync(catalogFile, JSON.stringify(catalog));
    return operationsAt('cn').length > 0 ? 0 : 1;
  }
  let stale = 0;
  const renew = (name: string, fresh: (text: string) => string) => {
    const file = new URL(name, root);
    const text = readFileSync(file, 'utf8');
    if (fresh(text) === text) return;
    stale++;
    if (mode === '--write') writeFileSync(file, fresh(text));
    else process.stderr.write(`${name} is stale: npm run reference\n`);
  };
  for (const name of readmes) renew(name, generated);
  renew('server.json', () => `${JSON.stringify(registryEntry(), null, 2)}\n`);
  return mode === '--write' || stale === 0 ? 0 : 1;
}

process.exitCode = run(process.argv[2]);
