import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { describe, expect, it } from 'vitest';
import type { Catalog } from '../../src/mcp/catalog.ts';
import { root } from '../harness/processes.ts';

const catalog = JSON.parse(readFileSync(join(root, 'dist/catalog.json'), 'utf8')) as Catalog;
const sites = ['cn', 'intl'] as const;
const entries = sites.flatMap((site) =>
  catalog[site].map((entry) => ({ site, ...entry.definition, cloud: entry.cloud })),
);
const names = [...new Set(entries.map(({ name }) => name))];
const snapshotName = (name: string, site: string) => {
  const [cn, intl] = sites.map((each) =>
    JSON.stringify(catalog[each].find(({ definition }) => definition.name === name)),
  );
  return cn === intl ? `${name}.json` : `${name}.${site}.json`;
};

describe('the tool list', () => {
  it('has these tools and no other', () => {
    expect(names).toEqual([
      'submit_portrait_sing',
      'submit_image_animate',
      'synthesize_speech',
      'make_video',
      'make_video_advanced',
      'make_ppt_video',
      'video_to_video',
      'photo_to_video',
      'video_retalk',
      'get_progress',
      'list_jobs',
      'cancel_job',
      'download_result',
      'check_media',
      'list_assets',
    ]);
    expect(entries).toHaveLength(30);
  });

  // One file a tool: the difference in a contract is a difference in a file. `npm test -- -u` renews them.
  it.each(entries)('$name ($site) is as its snapshot has it', async ({ site, cloud, ...definition }) => {
    expect(cloud === undefined || cloud.length > 2).toBe(true);
    await expect(`${JSON.stringify(definition, null, 2)}\n`).toMatchFileSnapshot(
      join(root, 'test/snapshots/tools', snapshotName(definition.name, site)),
    );
  });

  it('has no snapshot of a tool that is gone', () => {
    const wanted = new Set(entries.map(({ name, site }) => snapshotName(name, site)));
    expect(new Set(readdirSync(join(root, 'test/snapshots/tools')))).toEqual(wanted);
    expect(wanted.size).toBe(16);
  });

  it.each(entries)(
    '$name ($site) has all that a host may ask for',
    ({ title, annotations, icons, inputSchema, outputSchema, name }) => {
      expect(name).toMatch(/^[a-z_]{1,40}$/);
      expect(title.length).toBeGreaterThan(5);
      expect(Object.values(annotations).map((hint) => typeof hint)).toEqual([
        'boolean',
        'boolean',
        'boolean',
        'boolean',
      ]);
      expect(icons[0]?.src).toMatch(/^data:image\/svg\+xml,/);
      expect(inputSchema.type).toBe('object');
      expect(outputSchema.type).toBe('object');
      expect(outputSchema.required?.length).toBeGreaterThan(0);
    },
  );

  it('is the one that the bundle’s manifest promises', () => {
    const { tools } = JSON.parse(readFileSync(join(root, 'manifest.json'), 'utf8')) as {
      tools: Array<{ name: string }>;
    };
    expect(tools.map(({ name }) => name)).toEqual(names);
  });

  it('costs a model no more than it may', () => {
    for (const site of sites) {
      const shown = catalog[site].map(({ definition: { name, description, inputSchema } }) => ({
        name,
        description,
        inputSchema,
      }));
      const tokens = shown.map((tool) => encode(JSON.stringify(tool)).length);
      expect(Math.max(...tokens)).toBeLessThanOrEqual(1_200);
      expect(tokens.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(6_000);
      const whole = encode(JSON.stringify(catalog[site].map(({ definition }) => definition))).length;
      expect(whole).toBeLessThanOrEqual(9_000);
      const alone = catalog[site].filter(({ cloud }) => !cloud || cloud === 'dashscope');
      const dashscope = alone.map(({ definition: { name, description, inputSchema } }) => ({
        name,
        description,
        inputSchema,
      }));
      expect(encode(JSON.stringify(dashscope)).length).toBeLessThanOrEqual(1_500);
    }
  });
});
