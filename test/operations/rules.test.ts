import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { type Json, jsonSchema, material, merged, pairsOf, refusedAt, toolPath } from './material.ts';
import { withField, withoutFields, withoutUnset } from './material.ts';
import { type Rule, rules } from './rule-cases.ts';
import { propertiesOf } from './schema-lint.ts';

/** Fields of a list's items that the rule sets in one piece are respelled too. */
function respelled(value: unknown, rename: (path: string) => string): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((item: unknown) =>
    Object.fromEntries(Object.entries(item as Json).map(([name, field]) => [rename(name), field])),
  );
}

function tried(base: Json, { without = [], set = {} }: Rule, rename: (path: string) => string): Json {
  const less = withoutFields(base, ...without.map(rename));
  return Object.entries(set).reduce(
    (value, [path, field]) => withField(value, rename(path), respelled(field, rename)),
    less,
  );
}

const whole = (schema: z.ZodType, values: readonly Json[]) =>
  withoutUnset(merged(values), jsonSchema(schema));

const same = (path: string) => path;

const trials = material.flatMap(({ key, operation, fixture }) => {
  const pairs = pairsOf(fixture);
  const request = whole(
    operation.wire.submit.request,
    pairs.map((pair) => pair.request),
  );
  const input = whole(
    operation.input,
    pairs.map((pair) => pair.input),
  );
  return (rules[key] ?? []).map((rule) => ({
    key,
    operation,
    rule,
    request: tried(request, rule, same),
    input: tried(input, rule, toolPath),
  }));
});

describe('rules across fields', () => {
  it('are tried that often on each half', () => {
    expect(material.map(({ key }) => [key, rules[key]?.length])).toEqual([
      ['submit_portrait_sing', 5],
      ['submit_image_animate', 4],
      ['synthesize_speech', 16],
      ['make_video', 33],
      ['make_video_advanced', 44],
      ['make_ppt_video', 46],
      ['video_to_video', 42],
      ['photo_to_video (cn)', 20],
      ['photo_to_video (intl)', 20],
      ['video_retalk', 4],
    ]);
    expect(trials).toHaveLength(234);
    const refused = trials.filter(({ rule }) => rule.refused.length > 0);
    expect(refused).toHaveLength(146);
    const names = trials.map(({ key, rule }) => `${key}, ${rule.name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(trials)('$key, wire: $rule.name', ({ operation, rule, request }) => {
    const { request: schema } = operation.wire.submit;
    expect(refusedAt(schema, request).toSorted()).toEqual(rule.refused.toSorted());
  });

  it.each(trials)('$key, tool: $rule.name', ({ operation, rule, input }) => {
    expect(refusedAt(operation.input, input).toSorted()).toEqual(rule.refused.map(toolPath).toSorted());
  });

  it('what the tool takes, the wire takes once encoded', () => {
    const accepted = trials.filter(({ rule }) => rule.refused.length === 0);
    expect(accepted).toHaveLength(88);
    for (const { key, operation, rule, input } of accepted) {
      const encoded = operation.encode(operation.input.parse(input));
      const sent: unknown = JSON.parse(JSON.stringify(encoded));
      expect(refusedAt(operation.wire.submit.request, sent), `${key}, ${rule.name}`).toEqual([]);
    }
  });
});

const messages = (schema: z.ZodType, value: unknown) =>
  schema.safeParse(value).error?.issues.map(({ message }) => message) ?? [];

describe('what a refusal says', () => {
  it('names other fields in its own half’s spelling', () => {
    const found = { wire: 0, tool: 0 };
    // DashScope's names are the same on both halves.
    for (const { key, operation, rule, request, input } of trials.filter(
      ({ key }) => key !== 'video_retalk',
    )) {
      const wireNames = new Set(
        propertiesOf(jsonSchema(operation.wire.submit.request)).map(({ name }) => name),
      );
      const toolNames = new Set(propertiesOf(jsonSchema(operation.input)).map(({ name }) => name));
      const words = (schema: z.ZodType, value: Json) =>
        messages(schema, value).flatMap((message) => message.match(/\w+/g) ?? []);
      const atWire = words(operation.wire.submit.request, request);
      const atTool = words(operation.input, input);
      found.wire += atWire.filter((word) => wireNames.has(word)).length;
      found.tool += atTool.filter((word) => toolNames.has(word)).length;
      const place = `${key}, ${rule.name}`;
      expect(
        atWire.filter((word) => word.includes('_')),
        place,
      ).toEqual([]);
      expect(
        atTool.filter((word) => wireNames.has(word)),
        place,
      ).toEqual([]);
    }
    expect(found.tool).toBe(found.wire);
    expect(found.wire).toBe(62);
  });

  it('says where markup goes wrong, on both halves alike', () => {
    const broken = trials.filter(({ rule }) => /not closed|bare &/.test(rule.name));
    expect(broken).toHaveLength(14);
    for (const { key, operation, rule, request, input } of broken) {
      const said = messages(operation.input, input);
      const at = rule.name.includes('&') ? 5 : 9;
      expect(said, key).toEqual([expect.stringMatching(new RegExp(`^Character ${at}: `))]);
      expect(messages(operation.wire.submit.request, request)).toEqual(said);
    }
  });

  it('says how long a text is and how long it may be', () => {
    const long = trials.filter(({ rule }) => /^2,001 .*mov/.test(rule.name));
    expect(long).toHaveLength(4);
    for (const { operation, input } of long)
      expect(messages(operation.input, input)).toEqual([
        'is 2001 characters long; TransparentMov takes 2000',
      ]);
  });
});
