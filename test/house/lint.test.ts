import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { root } from '../harness/processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'planted-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const planted = [
  ['no-console', "export function speak(): void {\n  console.log('on the protocol');\n}\n"],
  [
    'no-floating-promises',
    'async function work(): Promise<void> {}\nexport function start(): void {\n  work();\n}\n',
  ],
  [
    'switch-exhaustiveness-check',
    "export function of(x: 'a' | 'b'): number {\n  switch (x) {\n    case 'a':\n      return 1;\n  }\n  return 0;\n}\n",
  ],
  ['no-explicit-any', 'export const value: any = 1;\n'],
  ['max-lines', 'export const line = 1;\n'.replace('line', 'first') + '// filler\n'.repeat(301)],
] as const;

describe('the lint', () => {
  it.each(planted)('catches a planted breach of %s', (rule, source) => {
    writeFileSync(
      join(folder, 'tsconfig.json'),
      '{"compilerOptions":{"strict":true,"lib":["es2023","dom"]}}',
    );
    writeFileSync(join(folder, 'planted.ts'), source);
    const { stdout, status } = spawnSync(
      process.execPath,
      [
        join(root, 'node_modules/oxlint/bin/oxlint'),
        '--type-aware',
        '-c',
        join(root, '.oxlintrc.json'),
        folder,
      ],
      { encoding: 'utf8', cwd: root },
    );
    expect(stdout).toContain(rule);
    expect(status).not.toBe(0);
  });
});
