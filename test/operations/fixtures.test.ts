import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { operations } from '../../src/clouds/index.ts';
import { Failure } from '../../src/core/failure.ts';
import type { JsonSchema } from '../../src/mcp/schema.ts';
import type { Cloud } from '../../src/core/operation.ts';
import { connected } from './connected.ts';
import { asSent, fixturePath, isObject, jsonSchema, material, pairsOf, unsetIn } from './material.ts';
import { withoutUnset } from './material.ts';
import type { Json } from './material.ts';

/** What the literals read of a reply: VCLM wraps it in Response, IVH in Payload, DashScope not at all. */
const envelopes: Readonly<Record<Cloud, (reply: Json) => unknown>> = {
  vclm: (reply) => reply.Response,
  vclm_intl: (reply) => reply.Response,
  ivh: (reply) => reply.Payload,
  dashscope: (reply) => reply,
};

const counts = { examples: 0, requests: 0, refusals: 0, statuses: 0 };
for (const { fixture } of material) {
  counts.examples += fixture.examples.length;
  counts.requests += pairsOf(fixture).length;
  counts.refusals += fixture.refusals.length;
  counts.statuses += fixture.statuses.length;
}

describe('the fixtures', () => {
  it('are one for each of the ten literals, and no file more', () => {
    expect(operations).toHaveLength(10);
    expect(new Set(operations.map(({ name }) => name)).size).toBe(9);
    const files = ['tencent-vclm', 'tencent-ivh', 'dashscope'].flatMap((folder) =>
      readdirSync(new URL(`../fixtures/${folder}`, import.meta.url)).map((file) => `${folder}/${file}`),
    );
    expect(files.toSorted()).toEqual(operations.map(fixturePath).toSorted());
  });

  it('hold as many examples as the pages do', () => {
    expect(counts).toEqual({ examples: 19, requests: 23, refusals: 25, statuses: 84 });
    const perOperation = material.map(({ key, fixture }) => [
      key,
      fixture.examples.length,
      fixture.refusals.length,
      fixture.statuses.length,
      fixture.mended?.length ?? 0,
    ]);
    expect(perOperation).toEqual([
      ['submit_portrait_sing', 2, 4, 7, 0],
      ['submit_image_animate', 2, 4, 7, 1],
      ['synthesize_speech', 2, 2, 8, 3],
      ['make_video', 2, 2, 7, 2],
      ['make_video_advanced', 2, 2, 6, 3],
      ['make_ppt_video', 1, 2, 6, 1],
      ['video_to_video', 3, 2, 6, 2],
      ['photo_to_video (cn)', 2, 2, 12, 2],
      ['photo_to_video (intl)', 2, 2, 12, 2],
      ['video_retalk', 1, 3, 13, 2],
    ]);
  });

  it.each(material)(
    '$key: the page is one that the literal names, with its date',
    ({ operation, fixture }) => {
      expect(operation.wire.documentation.map(({ date }) => date)).toContain(fixture.page.date);
    },
  );
});

const requests = material.flatMap(({ key, operation, fixture }) =>
  pairsOf(fixture).map((pair) => ({ key, operation, ...pair })),
);

describe('requests', () => {
  it.each(requests)(
    '$key, $name: our input becomes the vendor’s request',
    ({ operation, input, request }) => {
      const { request: schema } = operation.wire.submit;
      const encoded = asSent(operation.encode(operation.input.parse(input)));
      // The vendors' samples fill fields that are not set with "" and 0; we leave such fields out.
      expect(encoded).toEqual(withoutUnset(request, jsonSchema(schema)));
      expect(schema.safeParse(encoded).error).toBeUndefined();
    },
  );

  it('these are the fields that samples fill without setting them', () => {
    const unset = requests.flatMap(({ key, operation, request }) =>
      unsetIn(request, jsonSchema(operation.wire.submit.request)).map((path) => `${key}: ${path}`),
    );
    const ofSpeech = ['EmotionCategory', 'EmotionIntensity', 'TimbreLanguage'];
    const ofVideo = ['AnchorParam.AnchorExtraParam', 'AnchorParam.Scale', 'SmallSampleParam.MakeType'];
    const ofPage = (index: number, ...others: string[]) => [
      ...others.map((name) => `PageConfigs.${index}.${name}`),
      ...ofSpeech.map((name) => `PageConfigs.${index}.SpeechParam.${name}`),
      ...ofVideo.map((name) => `PageConfigs.${index}.VideoParam.${name}`),
    ];
    const ofSlides = [
      'GlobalConfig.BackgroundColor',
      'GlobalConfig.SpeechParam.Speed',
      ...ofSpeech.map((name) => `GlobalConfig.SpeechParam.${name}`),
      ...ofVideo.map((name) => `GlobalConfig.VideoParam.${name}`),
      ...ofPage(0, 'DriverType', 'InputAudioUrl'),
      ...ofPage(1, 'DriverType', 'InputAudioUrl', 'VirtualmanKey'),
      ...ofPage(2, 'DriverType', 'InputAudioUrl'),
    ];
    expect(unset).toHaveLength(34);
    expect(unset.toSorted()).toEqual(
      [...ofSlides.map((path) => `make_ppt_video: ${path}`), 'video_retalk: input.ref_image_url'].toSorted(),
    );
  });

  it.each(material)('$key: the literal’s own example is one that its wire takes', ({ operation }) => {
    const encoded = asSent(operation.encode(operation.input.parse(operation.example)));
    expect(operation.wire.submit.request.safeParse(encoded).error).toBeUndefined();
  });

  it.each(material)('$key: media fields lead to fields of both halves', ({ operation }) => {
    const tool = jsonSchema(operation.input);
    const wire = jsonSchema(operation.wire.submit.request);
    const at = (schema: JsonSchema, path: string) =>
      path
        .replaceAll('[]', '.[]')
        .split('.')
        .reduce<JsonSchema | undefined>(
          (inner, name) => (name === '[]' ? inner?.items : inner?.properties?.[name]),
          schema,
        );
    for (const field of Object.keys(operation.wire.media)) {
      for (const place of [at(wire, field), at(tool, operation.inputField(field))])
        expect(place, field).toMatchObject({
          type: 'string',
          pattern: expect.stringMatching(/^\^\(?https\?/),
        });
    }
  });
});

const accepted = material.flatMap(({ key, operation, fixture }) =>
  fixture.examples.map((example) => ({ key, operation, ...example })),
);
const taskIds: Readonly<Record<string, readonly string[]>> = {
  submit_portrait_sing: ['1199964964965990400', '1199999431088685056'],
  submit_image_animate: ['1194931538865782784'],
  synthesize_speech: ['81883d47c6154edf8e276531f09227b6'],
  make_video: ['81883d47c6154edf8e276531f09227b6'],
  make_video_advanced: ['81883d47c6154edf8e276531f09227b6'],
  make_ppt_video: ['098b482c71f643ad8f288df9f2961403'],
  video_to_video: ['81883d47c6154edf8e276531f09227b6'],
  'photo_to_video (cn)': ['81883d47c6154edf8e276531f09227b6'],
  'photo_to_video (intl)': ['81883d47c6154edf8e276531f09227b6'],
  video_retalk: ['a8532587-fa8c-4ef8-82be-0c46b17950d1'],
};

describe('accepted replies', () => {
  it.each(accepted)('$key, $name: the task id is read', ({ key, operation, reply }) => {
    const body = envelopes[operation.wire.cloud](reply);
    const id = operation.taskId(operation.wire.submit.reply.parse(body));
    expect(taskIds[key]).toContain(id);
  });

  it.each(accepted)('$key, $name: over the connection too', async ({ key, operation, input, reply }) => {
    const { connection, sent } = connected(operation.wire.cloud, 200, reply);
    const encoded = operation.encode(operation.input.parse(input));
    expect(taskIds[key]).toContain(operation.taskId(await connection.submit(operation.wire, encoded)));
    expect(sent).toHaveLength(1);
    const body = JSON.parse(sent[0]?.body ?? '') as Json;
    expect(isObject(body.Header) ? body.Payload : body).toEqual(asSent(encoded));
  });

  it.each(accepted)('$key, $name: a reply without the id is refused', ({ operation, reply }) => {
    const body = JSON.stringify(envelopes[operation.wire.cloud](reply));
    const without = JSON.parse(body.replace(/"(JobId|TaskId|task_id)"/, '"other"')) as unknown;
    expect(without).not.toEqual(JSON.parse(body));
    expect(operation.wire.submit.reply.safeParse(without).success).toBe(false);
  });
});

const refusals = material.flatMap(({ key, operation, fixture }) =>
  fixture.refusals.map((refusal) => ({ key, operation, ...refusal })),
);

describe('documented refusals', () => {
  it.each(refusals)('$key, $name: $code is a definite refusal', async (refusal) => {
    const { operation, call, status, reply, code, kind } = refusal;
    const { wire } = operation;
    const { connection, sent } = connected(wire.cloud, status, reply);
    const answer =
      call === 'submit' ? connection.submit(wire, operation.example) : connection.query(wire, 'id');
    const failure: unknown = await answer.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Failure);
    expect(failure).toMatchObject({ kind, code, stage: 'refused', advice: wire.errors.call[code]?.advice });
    expect((failure as Failure).requestId).toMatch(/^[\da-f-]{32,36}$/);
    expect(sent).toHaveLength(1);
  });
});

const statuses = material.flatMap(({ key, operation, fixture }) =>
  fixture.statuses.map((status) => ({ key, operation, ...status })),
);

describe('statuses', () => {
  it.each(statuses)('$key, $name', async ({ operation, reply, state }) => {
    const { wire } = operation;
    const body = envelopes[wire.cloud](reply);
    expect(asSent(operation.decode(wire.status.reply.parse(body)))).toEqual(state);
    const { connection } = connected(wire.cloud, 200, reply);
    expect(asSent(operation.decode(await connection.query(wire, 'id')))).toEqual(state);
  });

  it.each(material)(
    '$key: every state that an operation can reach is among them',
    ({ operation, fixture }) => {
      const reached = new Set(fixture.statuses.map(({ state }) => state.state));
      const expected = ['pending', 'running', 'done', 'failed'];
      expect([...reached].toSorted()).toEqual(
        (operation.wire.cloud === 'dashscope' ? [...expected, 'cancelled', 'missing'] : expected).toSorted(),
      );
    },
  );

  it('documented words are recognised, others kept pending and named', () => {
    const unrecognised = statuses.flatMap(({ key, state }) =>
      state.unrecognised === undefined ? [] : [`${key}: ${state.unrecognised}`],
    );
    expect(unrecognised).toEqual([
      'submit_portrait_sing: JobInit',
      'submit_image_animate: STOP',
      'photo_to_video (cn): ARCHIVED',
      'photo_to_video (intl): ARCHIVED',
      'video_retalk: ARCHIVED',
    ]);
  });
});
