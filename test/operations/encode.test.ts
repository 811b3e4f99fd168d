import { describe, expect, it } from 'vitest';
import { asSent, jsonSchema, material, toolPath, valueAt, withField, withoutFields } from './material.ts';
import { leavesOf, wholeInput } from './whole-input.ts';

const cases = material.flatMap(({ key, operation }) =>
  (['low', 'high'] as const).map((end) => {
    const wire = leavesOf(jsonSchema(operation.wire.submit.request)).map(({ path }) => path);
    return { key, end, operation, wire, ...wholeInput(operation, end) };
  }),
);

/** Wire fields that are no choice of the caller. */
const fixed: Readonly<Record<string, unknown>> = { model: 'videoretalk' };

describe('every field of the tool reaches the cloud', () => {
  it('fields are counted on both halves', () => {
    expect(cases.map(({ key, end, fields, wire }) => [key, end, fields.length, wire.length])).toEqual(
      [
        ['submit_portrait_sing', 12, 12],
        ['submit_image_animate', 13, 13],
        ['synthesize_speech', 14, 14],
        ['make_video', 15, 15],
        ['make_video_advanced', 37, 37],
        ['make_ppt_video', 42, 42],
        ['video_to_video', 30, 31],
        ['photo_to_video (cn)', 14, 14],
        ['photo_to_video (intl)', 13, 13],
        ['video_retalk', 5, 6],
      ].flatMap(([key, fields, wire]) => [
        [key, 'low', fields, wire],
        [key, 'high', fields, wire],
      ]),
    );
  });

  it.each(cases)('$key, all fields set, $end values', ({ operation, fields, input, wire }) => {
    const encoded = asSent(operation.encode(operation.input.parse(input)));
    expect(operation.wire.submit.request.safeParse(encoded).error).toBeUndefined();
    const sent = wire.map((path) => [path, valueAt(encoded, path)]);
    const expected = wire.map((path) => [
      path,
      fixed[path] ?? fields.find((field) => field.path === toolPath(path))?.value,
    ]);
    expect(sent).toEqual(expected);
    expect(sent.filter(([, value]) => value === undefined)).toEqual([]);
    const named = wire.filter((path) => !(path in fixed)).map(toolPath);
    expect([...new Set(named)].toSorted()).toEqual(fields.map(({ path }) => path).toSorted());
  });

  it.each(cases)('$key, $end values: what is not given is not sent', ({ operation, fields, input }) => {
    const required = new Set(jsonSchema(operation.input).required);
    for (const { path } of fields) {
      const [top = ''] = path.split('.');
      if (required.has(top)) continue;
      const encoded = asSent(operation.encode(withoutFields(input, top)));
      const gone = leavesOf(jsonSchema(operation.wire.submit.request)).filter(
        (leaf) => toolPath(leaf.path).split('.')[0] === top,
      );
      expect(gone.length, path).toBeGreaterThan(0);
      expect(gone.map((leaf) => valueAt(encoded, leaf.path)).filter((value) => value !== undefined)).toEqual(
        [],
      );
    }
  });

  it('a field that a page may misspell is sent under both names', () => {
    const found = material.find(({ key }) => key === 'video_to_video');
    const param = (value: number) => ({ video_param: { disable_id_detect: value } });
    const sent = [0, 1].map((value) => asSent(found?.operation.encode(param(value)))['VideoParam']);
    expect(sent).toEqual([
      { DisableIdDetect: 0, DisabledDetect: 0 },
      { DisableIdDetect: 1, DisabledDetect: 1 },
    ]);
    const whole = found ? wholeInput(found.operation, 'high').input : {};
    const misspelt = withField(whole, 'video_param.disabled_detect', 1);
    expect(found?.operation.input.safeParse(misspelt).error?.issues.map(({ code }) => code)).toEqual([
      'unrecognized_keys',
    ]);
  });
});
