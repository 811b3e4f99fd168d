import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { registryEntry } from '../../src/registry-entry.ts';
import { root } from '../harness/processes.ts';
import { readPage } from '../harness/markdown.ts';

const english = readPage('README.md');
const chinese = readPage('README.zh-CN.md');

describe('the READMEs', () => {
  it('have the same sections in the same order', () => {
    expect(english.headings.length).toBeGreaterThan(25);
    expect(chinese.headings.map(({ level }) => level)).toEqual(english.headings.map(({ level }) => level));
    // Names of hosts stay; every other heading is translated.
    const kept = english.headings.filter(({ text }, at) => chinese.headings[at]?.text === text);
    expect(kept.map(({ text }) => text)).toEqual([
      'digital-human-mcp',
      'Claude Desktop',
      'Claude Code',
      'VS Code',
      'Cursor',
      'Codex',
    ]);
  });

  it('have the same generated tables, each under the same heading', () => {
    expect(Object.keys(english.generated)).toEqual([
      'tools',
      'operations',
      'lifetimes',
      'limits',
      'settings',
      'errors',
      'codes',
    ]);
    expect(chinese.generated).toEqual(english.generated);
    for (const table of Object.values(english.generated))
      expect(table.split('\n').length).toBeGreaterThan(10);
  });

  it('have the same blocks to copy', () => {
    expect(english.blocks.length).toBeGreaterThan(12);
    const copied = ({ language, text }: (typeof english.blocks)[number]) => ({ language, text });
    expect(chinese.blocks.map(copied)).toEqual(english.blocks.map(copied));
  });

  it('say the same names of variables, fields and codes', () => {
    const names = (text: string) => new Set(text.match(/`[A-Za-z_/.{}:-]*[A-Za-z_]`/g));
    expect(names(english.text).size).toBeGreaterThan(100);
    expect([...names(chinese.text)].toSorted()).toEqual([...names(english.text)].toSorted());
  });

  it('lead to each other and to the same pages', () => {
    expect(english.links[0]).toBe('README.zh-CN.md');
    expect(chinese.links[0]).toBe('README.md');
    const onward = (links: readonly string[]) => links.slice(1).filter((link) => !link.startsWith('#'));
    expect(onward(chinese.links)).toEqual(onward(english.links));
  });

  it('fit the picture to a page', () => {
    expect(statSync(join(root, 'docs/media/demo.jpg')).size).toBeLessThan(200_000);
  });
});

describe('links inside the repository', () => {
  const pages = [
    'README.md',
    'README.zh-CN.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'docs/talking-photo.md',
    'docs/narrated-slides.md',
    'docs/dubbed-clip.md',
  ];
  const anchor = (heading: string) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-');

  it.each(pages)('%s: every one leads somewhere', (name) => {
    const page = readPage(name);
    for (const link of page.links.filter((each) => !/^https?:/.test(each))) {
      const [file = '', place] = link.split('#');
      const target = file === '' ? name : join(dirname(name), file);
      expect(existsSync(join(root, target)), `${name}: ${link}`).toBe(true);
      if (place)
        expect(
          readPage(target).headings.map(({ text }) => anchor(text)),
          link,
        ).toContain(place);
    }
  });
});

describe('what registries are told', () => {
  const entry = registryEntry();
  const [npm] = entry.packages;

  it('is what server.json says', () => {
    expect(JSON.parse(readFileSync(join(root, 'server.json'), 'utf8'))).toEqual(entry);
  });

  it('names the package as it is', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      name: string;
      version: string;
      mcpName?: string;
    };
    expect(npm).toMatchObject({ identifier: manifest.name, version: manifest.version });
    expect(manifest.mcpName ?? entry.name).toBe(entry.name);
    expect(entry.description.length).toBeLessThanOrEqual(100);
    expect(entry.name).toMatch(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/);
  });

  it('marks every key as secret, requires nothing, and leaves the HTTP server out', () => {
    const variables = npm?.environmentVariables ?? [];
    expect(variables.length).toBeGreaterThan(30);
    const secrets = variables.filter(({ isSecret }) => isSecret).map(({ name }) => name);
    expect(secrets).toEqual(expect.arrayContaining(['TENCENTCLOUD_SECRET_KEY', 'DASHSCOPE_API_KEY']));
    expect(secrets.every((name) => /SECRET|TOKEN|KEY|DATABASE/.test(name))).toBe(true);
    expect(variables.filter(({ isRequired }) => isRequired)).toEqual([]);
    expect(variables.filter(({ name }) => /_HTTP_|_JWT_/.test(name))).toEqual([]);
  });
});
