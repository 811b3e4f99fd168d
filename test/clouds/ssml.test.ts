import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { checkSsml } from '../../src/clouds/tencent-ivh/ssml.ts';

/** Ten characters, so that an action has room and a break has words to follow. */
const ten = '一二三四五六七八九十';
const py = (ph: string, text: string) => `<phoneme alphabet="py" ph="${ph}">${text}</phoneme>`;

/** Text, where the finding must stand, and words that it must say. */
type Row = readonly [text: string, position: number, says: string];

function found(text: string, kind: 'problems' | 'warnings', position: number, says: string) {
  const findings = checkSsml(text)[kind];
  expect(findings.join('\n')).toContain(says);
  expect(findings.find((finding) => finding.includes(says))).toMatch(new RegExp(`^Character ${position}: `));
  return findings;
}

describe('the vendor’s own lines', () => {
  const lines = [
    '你好虚拟主播',
    '你好呀，我是数智人，这是我的第一次ppt视频',
    '你好，我是虚拟<phoneme alphabet="py" ph="fu4">主</phoneme>播',
  ];

  it('are clean', () => {
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(checkSsml(line)).toMatchObject({ problems: [], warnings: [] });
    expect(checkSsml(lines[2] ?? '').plain).toBe('你好，我是虚拟主播');
  });

  it('get a word of warning where pinyin is put on English, and pass', () => {
    const line = 'Hello, I am the virtual <phoneme alphabet="py" ph="fu4">anchor</phoneme>';
    expect(checkSsml(line).problems).toEqual([]);
    expect(found(line, 'warnings', 25, 'pinyin is meant for Chinese')).toHaveLength(1);
  });
});

const clean: readonly string[] = [
  '',
  'plain > text " with \' signs; ]]> too',
  'Tom &amp; Jerry &lt;3 &gt; &quot;x&quot; &apos; &#20320; &#x4f60;',
  py('zhong4', '重'),
  py('lv4', '绿') + py('nü3', '女') + py('nu\u03083', '女') + py('de5', '的'),
  ...['1s', '9s', '50ms', '500ms', '9000ms'].map((time) => `你好<break time="${time}"/>再见`),
  ...['x-weak', 'weak', 'medium', 'strong', 'x-strong'].map(
    (strength) => `你好<break strength="${strength}"/>`,
  ),
  '你好<break/>，再见<break></break>',
  '你好 <break time="1s"/><break time="2s"/>',
  '<word>数智人</word>说<word>hello world</word>',
  `${ten}<word>数智<insert-action type="wave"/>人</word>${ten}`,
  '<sub alias="人工智能">AI</sub>',
  `<speak>${ten}<sub alias="人工智能">A<insert-action type="wave"/>I</sub>${ten}</speak>`,
  ...['cardinal', 'digits', 'telephone', 'address', 'id', 'date', 'time', 'punctuation'].map(
    (kind) => `<say-as interpret-as="${kind}">12</say-as>`,
  ),
  ...['characters', 'measure', 'currency'].map((kind) => `<say-as interpret-as="${kind}">12</say-as>`),
  `${ten}<insert-action type="wave"/>${ten}`,
  ' <speak>你好</speak> ',
];

const refused: readonly Row[] = [
  ['你好\n再见', 3, 'line break'],
  ['你好\r再见', 3, 'line break'],
  ['你好\u2028再见', 3, 'line break'],
  ['你好\u2029再见', 3, 'line break'],
  ['<speak>你好\n</speak>', 10, 'line break'],
  ['Tom & Jerry', 5, 'write &amp;'],
  ['Tom &amp Jerry', 5, 'write &amp;'],
  ['Tom &AMP; Jerry', 5, '"&AMP;" is not an entity'],
  ['a&nbsp;b', 2, '"&nbsp;" is not an entity'],
  ['a&#;b', 2, 'write &amp;'],
  ['<sub alias="R&D">研发</sub>', 14, 'write &amp;'],
  ['读<phoneme ph="zhong4">重</phoneme>', 2, 'needs alphabet="py"'],
  ['读<phoneme alphabet="ipa" ph="zhong4">重</phoneme>', 2, '"ipa" is not known'],
  ['读<phoneme alphabet="py">重</phoneme>', 2, 'needs ph'],
  [`读${py(' ', '重')}`, 2, 'needs ph'],
  [`读${py('zhong', '重')}`, 2, '"zhong" is not pinyin'],
  [`读${py('zhong6', '重')}`, 2, '"zhong6" is not pinyin'],
  [`读${py('Zhong4', '重')}`, 2, '"Zhong4" is not pinyin'],
  [`读${py('zhong4 4', '重要')}`, 2, '"4" is not pinyin'],
  [`读${py('zhong4 yao4', '重')}`, 2, '2 syllables for 1 characters'],
  [`读${py('zhong4', '重要')}`, 2, '1 syllables for 2 characters'],
  [`读${py('zhong4', '')}`, 2, '1 syllables for 0 characters'],
  [`读${py('zhong4', '<word>重</word>')}`, 37, 'phoneme may hold only text'],
  ...['0s', '10s', '1.5s', '1', 's', '49ms', '9001ms', '0500ms', '1 s', '1S', ''].map(
    (time): Row => [`你好<break time="${time}"/>`, 3, `break time "${time}"`],
  ),
  ['你好<break strength="none"/>', 3, 'break strength "none"'],
  ['你好<break time="1s">再见</break>', 3, 'break must be empty'],
  ['你好<break><word>好</word></break>', 10, 'break may hold nothing'],
  ['<word>数<sub alias="x">智</sub></word>', 8, 'word may hold only text and insert-action'],
  ['<word>数<p>智</p></word>', 8, 'so "p" cannot stand in it'],
  ['你<sub>好</sub>', 2, 'sub needs alias'],
  ['你<sub alias=" ">好</sub>', 2, 'sub needs alias'],
  ['<sub alias="x">好<break/></sub>', 17, 'sub may hold only text and insert-action'],
  ['你<say-as>1</say-as>', 2, 'say-as needs interpret-as'],
  ['你<say-as interpret-as="name">1</say-as>', 2, 'interpret-as "name" is not one of'],
  ['<say-as interpret-as="id">1<insert-action type="x"/></say-as>', 28, 'say-as may hold only text'],
  ['你<!-- a < b -->好', 2, 'a comment is not allowed'],
  ['你<![CDATA[a < b]]>好', 2, 'a CDATA section is not allowed'],
  ['你<?php echo ?>好', 2, 'a processing instruction is not allowed'],
  ['<?xml version="1.0"?><speak>你好</speak>', 1, 'a processing instruction is not allowed'],
  ['<!DOCTYPE x [<!ENTITY y "z">]>你好', 1, 'a DOCTYPE is not allowed'],
  ['你<!-- never closed', 2, 'a comment is not allowed'],
  ['你<!-- a -- b -->好', 2, 'a comment is not allowed'],
];

const warned: readonly Row[] = [
  [`读${py('zhong4 yao4', '重要')}`, 2, 'phoneme holds 2 characters'],
  ['<break time="1s"/>你好', 1, 'before any text'],
  ['<speak> <break time="1s"/>你好</speak>', 9, 'before any text'],
  ['你好，<break time="1s"/>再见', 4, 'right after punctuation'],
  ['Hello. <break time="1s"/>Bye', 8, 'right after punctuation'],
  ['你<word>AI数字人</word>', 2, 'is neither'],
  ['你<word>2024年</word>', 2, 'is neither'],
  ['你<word></word>', 2, 'is neither'],
  [`${ten}<insert-action/>${ten}`, 11, 'insert-action has no type'],
  [`${ten}<insert-action type=""/>${ten}`, 11, 'insert-action has no type'],
  [`${ten}<insert-action type="x">手</insert-action>${ten}`, 11, 'insert-action must be empty'],
  [`${ten}<insert-action type="x"><p/></insert-action>${ten}`, 35, 'insert-action may hold nothing'],
  [`九个字<insert-action type="x"/>${ten}`, 4, 'has 3 before, 10 after'],
  [`${ten}<insert-action type="x"/>一二三四五六七八九`, 11, 'has 10 before, 9 after'],
  ['你好<speak>再见</speak>', 3, 'speak is not the outermost tag'],
  ['<speak>你好<speak>再见</speak></speak>', 10, 'speak is not the outermost tag'],
  ['<speak>你好</speak>再见', 1, 'speak is not around the whole text'],
  ['<speak version="1.1">你好</speak>', 1, 'speak has no attribute "version"'],
  ['你<prosody rate="1">好</prosody>', 2, '"prosody" is not a tag'],
  ['你<constructor>好</constructor>', 2, '"constructor" is not a tag'],
  ['你<Break/>', 2, '"Break" is not a tag'],
  ['你<break size="1"/>', 2, 'break has no attribute "size"'],
  ['你<say-as interpret-as="id" format="x">1</say-as>', 2, 'say-as has no attribute "format"'],
];

const malformed: readonly Row[] = [
  ['你好<word>再见', 3, '"word" is never closed'],
  ['你好</word>', 3, 'unmatched closing tag'],
  ['<word>你好</sub>', 9, '"</sub>" stands where "word" must close'],
  ['<p>你<word>好</p></word>', 12, '"</p>" stands where "word" must close'],
  ['1 < 2', 3, 'write &lt;'],
  ['你好<', 3, 'this tag has no end'],
  ['你好<break time="1s"', 3, 'this tag has no end'],
  ['你好<break time=1s/>', 15, 'unquoted attribute value'],
  ['你好<break time/>', 14, 'disallowed character in attribute name'],
  ['你好<break time>', 14, 'attribute without value'],
  ['你好<break time="1s" time="2s"/>', 3, 'duplicate attribute'],
  ['你好<break time="1s/><word>再见</word>', 20, 'disallowed character'],
  ['你好<break time="1s"strength="weak"/>', 19, 'no whitespace between attributes'],
  ['你好</>', 3, 'weird empty close tag'],
  ['你好<break / >', 11, 'forward-slash'],
  ['<word>你好&#0;</word>', 9, 'malformed character entity'],
  ['<word>你\u0001好</word>', 8, 'disallowed character'],
  ['<word>a]]>b</word>', 10, 'disallowed in char data'],
  ['你<!ELEMENT x>好', 2, 'incorrect syntax'],
];

describe('the rules', () => {
  it('have this many rows', () => {
    expect([clean, refused, warned, malformed].map((rows) => rows.length)).toEqual([34, 52, 23, 19]);
  });

  it.each(clean)('find nothing in %j', (text) => {
    expect(checkSsml(text)).toMatchObject({ problems: [], warnings: [] });
  });

  it.each(refused)('refuse %j at %i: %s', (text, position, says) => {
    expect(found(text, 'problems', position, says).length).toBeLessThanOrEqual(2);
  });

  it.each(warned)('warn of %j at %i: %s', (text, position, says) => {
    found(text, 'warnings', position, says);
    expect(checkSsml(text).problems).toEqual([]);
  });

  it.each(malformed)('see where %j breaks off, at %i: %s', (text, position, says) => {
    expect(found(text, 'problems', position, says)).toHaveLength(1);
  });

  it('count positions in code points, astral characters before or inside the fault', () => {
    const rows = [...refused, ...malformed];
    expect(rows).toHaveLength(71);
    for (const [text, position, says] of rows)
      if (!text.startsWith('<?xml')) found(`😀𠮷${text}`, 'problems', position + 2, says);
    found('😀😀 < b', 'problems', 4, 'write &lt;');
    found('好<a b="😀" c=d>', 'problems', 13, 'unquoted attribute value');
    found('好<a b=😀>', 'problems', 7, 'unquoted attribute value');
  });
});

describe('what is handed on', () => {
  it('lists the actions in order and the text without its markup', () => {
    const [wave, nod] = ['<insert-action type="wave"/>', '<insert-action type="nod"/>'];
    const text = `<speak>${ten}${wave}R&amp;D<sub alias="人工智能">AI</sub>${ten}${nod}${ten}</speak>`;
    expect(checkSsml(text)).toEqual({
      problems: [],
      warnings: [],
      actions: ['wave', 'nod'],
      plain: `${ten}R&DAI${ten}${ten}`,
    });
  });

  it('reports faults of several kinds at once, in the order in which they stand', () => {
    const findings = checkSsml('A & B<break time="0s"/>\n<word>好');
    expect(findings.problems.map((problem) => problem.split(':')[0])).toEqual(
      [3, 6, 24, 25].map((position) => `Character ${position}`),
    );
  });

  it('finds bare "&" and half a surrogate pair without losing its place', () => {
    found('a & b \uD83D<break time="0s"/>', 'problems', 8, 'break time "0s"');
    expect(checkSsml('\uD83D<word>好</word>')).toMatchObject({ problems: [], warnings: [] });
  });

  it('makes a parser for markup only', async () => {
    vi.resetModules();
    vi.doMock('saxes', () => ({ SaxesParser: null }));
    const { checkSsml: unarmed } = await import('../../src/clouds/tencent-ivh/ssml.ts');
    vi.doUnmock('saxes');
    expect(unarmed(`${ten} > 1\n`).problems).toHaveLength(1);
    expect(() => unarmed('<break/>')).toThrow(TypeError);
  });

  it('quotes what came from the caller, shortened and on one line', () => {
    const [problem = ''] = checkSsml(`好<break time="${'长\u202E'.repeat(500)}"/>`).problems;
    expect(problem).not.toContain('\u202E');
    expect(problem.length).toBeLessThan(160);
  });

  it('names an unknown tag once, and then leaves room for other words', () => {
    const { warnings } = checkSsml(`好${'<p>好</p>'.repeat(50)}<s>好</s>`);
    expect(warnings).toHaveLength(2);
  });
});

describe('long and hostile texts', () => {
  const fill = (part: string) => part.repeat(Math.floor(20_000 / part.length));
  const depth = 1_500;
  const rows: ReadonlyArray<readonly [name: string, text: string, problems: number, warnings: number]> = [
    ['good tags', fill('好<break time="1s"/>'), 0, 0],
    ['bad tags', fill('好<break time="0s"/>'), 10, 0],
    ['breaks after punctuation', fill('，<break/>'), 0, 10],
    ['bare ampersands', fill('& '), 10, 0],
    ['openings', fill('<'), 1, 0],
    ['comments that never end', fill('<!--'), 1, 0],
    ['tags never closed', fill('<sub>'), 10, 0],
    ['tags in tags', '<b>'.repeat(depth) + '</b>'.repeat(depth), 0, 1],
    ['words in words', '<word>'.repeat(depth) + '</word>'.repeat(depth), 10, 10],
    ['one tag, many attributes', `<x ${fill('abcd="" ')}/>`, 1, 0],
    ['one tag, a long name', `<${fill('x')}/>`, 0, 1],
    ['syllables', py(fill('a1 '), fill('好').slice(0, 6_666)), 0, 1],
    ['bad syllables', py(fill('a9 '), fill('好').slice(0, 6_666)), 10, 1],
    [
      'entities in entities',
      `<!DOCTYPE x [<!ENTITY a "${fill('b').slice(0, 9_000)}">]>${'&a;'.repeat(3_000)}`,
      10,
      0,
    ],
  ];

  it.each(rows)('stay bounded: %s', (_name, text, problems, warnings) => {
    const findings = checkSsml(text);
    expect([findings.problems.length, findings.warnings.length]).toEqual([problems, warnings]);
  });

  it('are fourteen', () => {
    expect(rows).toHaveLength(14);
    expect(rows.every(([, text]) => text.length <= 27_000)).toBe(true);
  });

  const pieces =
    '< > / & ; " = 😀 好 ， a <!-- --> <![CDATA[ ]]> <? ?> <!DOCTYPE <speak> </speak> <word> </word> <break/> ' +
    '&amp; &# <insert-action/> <phoneme fu4 </phoneme> ph="fu4" type="x" \n \r \0 \uD83D \uDE00 \uFFFF';
  const markup = fc.constantFrom(' ', ...pieces.split(' '));
  const anything = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string({ unit: markup, maxLength: 40 }),
    fc.string({ unit: 'grapheme', maxLength: 200 }),
  );

  it('never throw, say at most ten things of each kind, and always the same', () => {
    fc.assert(
      fc.property(anything, (text) => {
        const findings = checkSsml(text);
        for (const said of [findings.problems, findings.warnings]) {
          expect(said.length).toBeLessThanOrEqual(10);
          for (const sentence of said) {
            const position = Number(/^Character (\d+): \S.*\.$/u.exec(sentence)?.[1]);
            expect(position).toBeGreaterThanOrEqual(1);
            expect(position).toBeLessThanOrEqual([...text].length);
          }
        }
        expect(findings.plain.length).toBeLessThanOrEqual(text.length);
        expect(checkSsml(text)).toEqual(findings);
      }),
      { numRuns: 3_000 },
    );
  });

  it('are always fine as plain text on one line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const plain = text.replace(/[<&\r\n\u2028\u2029]/g, '');
        expect(checkSsml(plain)).toEqual({ problems: [], warnings: [], actions: [], plain });
      }),
      { numRuns: 1_000 },
    );
  });
});
