import { describe, expect, it } from 'vitest';
import { type Json, jsonSchema, material, withField } from './material.ts';
import { propertiesOf } from './schema-lint.ts';
import { conditions, inherited, plain } from './warning-cases.ts';

function warningsFor(key: string, change: Json): readonly string[] {
  const operation = material.find((entry) => entry.key === key)?.operation;
  const input = Object.entries(change).reduce<Json>(
    (value, [path, field]) => withField(value, path, field),
    plain[key] ?? {},
  );
  if (!operation) throw new Error(`no operation ${key}`);
  return operation.warnings?.(operation.encode(operation.input.parse(input))) ?? [];
}

/** The field that a warning begins with; one about a text is followed by a colon. */
const firstWord = (warning: string) => warning.split(' ')[0]?.replace(/:$/, '');

const lineOf = (change: Json, named: readonly string[]) =>
  `${JSON.stringify(change).slice(0, 300)}: ${named.join(', ') || 'nothing to say'}`;

const rows = Object.entries(conditions).flatMap(([key, list]) =>
  list.map(([change, named]) => ({ key, change, named, line: lineOf(change, named) })),
);

describe('fields without effect', () => {
  it('are tried that often', () => {
    expect(material.map(({ key }) => [key, conditions[key]?.length])).toEqual([
      ['submit_portrait_sing', 3],
      ['submit_image_animate', 8],
      ['synthesize_speech', 20],
      ['make_video', 25],
      ['make_video_advanced', 71],
      ['make_ppt_video', 53],
      ['video_to_video', 49],
      ['photo_to_video (cn)', 23],
      ['photo_to_video (intl)', 23],
      ['video_retalk', 4],
    ]);
    expect(rows.filter(({ named }) => named.length > 0)).toHaveLength(132);
    expect(rows.filter(({ named }) => named.length === 0)).toHaveLength(147);
  });

  it.each(Object.keys(plain))('%s: a plain input is not commented on', (key) => {
    expect(warningsFor(key, {})).toEqual([]);
  });

  it.each(rows.map((row) => [`${row.key} with ${row.line}`, row] as const))('%s', (_, row) => {
    const { key, change, named } = row;
    expect(warningsFor(key, change).map(firstWord)).toEqual(named);
  });

  it('are named in the input’s spelling, by a path that the tool has', () => {
    const seen = new Set<string>();
    for (const { key, change } of rows) {
      const operation = material.find((entry) => entry.key === key)?.operation;
      const paths = new Set(operation && propertiesOf(jsonSchema(operation.input)).map(({ path }) => path));
      for (const warning of warningsFor(key, change)) {
        const path =
          firstWord(warning)
            ?.replaceAll(/\.\d+/g, '.[]')
            .replace(/\.\[]$/, '') ?? '';
        expect(paths, warning).toContain(path);
        // Capitals in the middle of a word are the wire's; only values and formats have them here.
        const foreign = warning.match(/\b(?:[A-Z][a-z]+){2,}\b/g) ?? [];
        expect(
          foreign.filter(
            (word) => !/^(OriginalVoice|ModulatedVoice|Transparent\w+|CustomOnlyStart)$/.test(word),
          ),
          warning,
        ).toEqual([]);
        expect(warning).toMatch(/^[^\r\n]{20,300}\.$/);
        seen.add(path);
      }
    }
    // Every field that can be without effect, by the rows that say so.
    const named = rows.flatMap((row) =>
      row.named.map((path) => path.replaceAll(/\.\d+/g, '.[]').replace(/\.\[]$/, '')),
    );
    expect([...seen].toSorted()).toEqual([...new Set(named)].toSorted());
    expect(seen.size).toBe(46);
  });
});

describe('slides inherit', () => {
  it('is tried eight times', () => {
    expect(inherited).toHaveLength(8);
  });

  it.each(inherited.map(([change, named]) => [lineOf(change, named), change, named] as const))(
    '%s',
    (_, change, named) => {
      expect(warningsFor('make_ppt_video', change).map(firstWord)).toEqual(named);
    },
  );
});
