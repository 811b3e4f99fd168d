import { SaxesParser } from 'saxes';
import { quoted } from '../../core/failure.ts';

export interface SsmlFindings {
  /** Faults that the cloud would refuse or mis-speak: `Character 3: …`, counted from 1 in code points. */
  readonly problems: readonly string[];
  /** Things that work or may work: unknown tags or attributes, an action too close to an end. */
  readonly warnings: readonly string[];
  /** Codes of insert-action tags, in order. */
  readonly actions: readonly string[];
  /** The text without markup, for estimates. */
  readonly plain: string;
}

interface Element {
  readonly name: string;
  /** Where its `<` stands, in UTF-16 units: the parser counts so. */
  readonly at: number;
  readonly attributes: Readonly<Record<string, string>>;
  /** Code points of plain text before it. */
  readonly before: number;
  readonly follows: 'nothing' | 'punctuation' | 'text';
  /** Its own text, without that of elements inside it. */
  text: string;
}

interface Finding {
  readonly at: number;
  readonly sentence: string;
}

type Say = (sentence: string) => void;

interface Rule {
  readonly attributes: readonly string[];
  readonly holds: 'anything' | 'nothing' | 'only text' | 'only text and insert-action';
  readonly inspect?: (element: Element, problem: Say, warning: Say) => void;
}

const mostFindings = 10;
/** FAQ of 2025-07-11: keep ten characters or more before and after an action. */
const actionRoom = 10;
const strengths = 'x-weak, weak, medium, strong, x-strong'.split(', ');
const interpretations =
  'cardinal, digits, telephone, address, id, date, time, punctuation, characters, measure, currency'.split(
    ', ',
  );

const show = (text: string) => quoted(text, 24);
const length = (text: string) => [...text].length;

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['speak', { attributes: [], holds: 'anything' }],
  ['phoneme', { attributes: ['alphabet', 'ph'], holds: 'only text', inspect: inspectPhoneme }],
  ['break', { attributes: ['time', 'strength'], holds: 'nothing', inspect: inspectBreak }],
  ['word', { attributes: [], holds: 'only text and insert-action', inspect: inspectWord }],
  ['sub', { attributes: ['alias'], holds: 'only text and insert-action', inspect: inspectSub }],
  ['say-as', { attributes: ['interpret-as'], holds: 'only text', inspect: inspectSayAs }],
  ['insert-action', { attributes: ['type'], holds: 'nothing', inspect: inspectAction }],
]);

function inspectPhoneme({ attributes, text }: Element, problem: Say, warning: Say): void {
  const { alphabet, ph = '' } = attributes;
  if (alphabet === undefined) problem('phoneme needs alphabet="py".');
  else if (alphabet !== 'py') problem(`phoneme alphabet ${show(alphabet)} is not known; only "py" is.`);
  const syllables = ph.normalize('NFC').split(/\s+/).filter(Boolean);
  if (syllables.length === 0)
    return problem('phoneme needs ph, one pinyin syllable with its tone, like "fu4".');
  for (const syllable of syllables)
    if (!/^[a-zü]+[1-5]$/.test(syllable))
      problem(
        `phoneme ph ${show(syllable)} is not pinyin in small letters and a tone from 1 to 5, like "fu4".`,
      );
  const said = text.replace(/\s+/g, '');
  const characters = length(said);
  const counts = `phoneme ph has ${syllables.length} syllables for ${characters} characters ${show(said)}`;
  // The vendor's own English sample puts "fu4" on "anchor": the count can only be meant for Chinese.
  if (characters !== syllables.length && /[^\p{Script=Han}]/u.test(said))
    warning(`${counts}; pinyin is meant for Chinese characters.`);
  else if (characters !== syllables.length) problem(`${counts}; there must be one for each.`);
  else if (characters > 1)
    warning(
      `phoneme holds ${characters} characters: the page says one character for each tag, and also as many ` +
        'syllables as characters; one tag for each character is safe.',
    );
}

function inspectBreak({ attributes, follows }: Element, problem: Say, warning: Say): void {
  const { time, strength } = attributes;
  const milliseconds = /^([1-9]\d*)ms$/.exec(time ?? '')?.[1];
  const inRange = milliseconds ? +milliseconds >= 50 && +milliseconds <= 9000 : /^[1-9]s$/.test(time ?? '');
  if (time !== undefined && !inRange)
    problem(`break time ${show(time)} is neither whole seconds, 1s to 9s, nor milliseconds, 50ms to 9000ms.`);
  if (strength !== undefined && !strengths.includes(strength))
    problem(`break strength ${show(strength)} is not one of ${strengths.join(', ')}.`);
  if (follows === 'nothing') warning('break stands before any text; it must follow text.');
  if (follows === 'punctuation') warning('break stands right after punctuation; it must follow other text.');
}

function inspectWord({ text }: Element, _problem: Say, warning: Say): void {
  const letters = text.replace(/[\s\p{P}]+/gu, '');
  if (!/^(?:\p{Script=Han}+|\p{Script=Latin}+)$/u.test(letters))
    warning(`word must hold pure Chinese or pure English, and ${show(text)} is neither.`);
}

function inspectSub({ attributes }: Element, problem: Say): void {
  if (!attributes.alias?.trim()) problem('sub needs alias, the words to say instead.');
}

function inspectSayAs({ attributes }: Element, problem: Say): void {
  const kind = attributes['interpret-as'];
  const listed = interpretations.join(', ');
  if (kind === undefined) problem(`say-as needs interpret-as, one of ${listed}.`);
  else if (!interpretations.includes(kind))
    problem(`say-as interpret-as ${show(kind)} is not one of ${listed}.`);
}

function inspectAction({ attributes }: Element, _problem: Say, warning: Say): void {
  if (!attributes.type?.trim()) warning('insert-action has no type, the code of the action to show.');
}

/** The first ten by position, each with that position in code points of the caller's text. */
function told(text: string, findings: readonly Finding[]): string[] {
  return findings
    .toSorted((one, other) => one.at - other.at)
    .slice(0, mostFindings)
    .map(({ at, sentence }) => `Character ${length(text.slice(0, at + 1))}: ${sentence}`);
}

/** What XML has and SSML for this cloud does not, by how it begins. */
const foreignConstructs = [
  ['<!--', 'a comment'],
  ['<![CDATA[', 'a CDATA section'],
  ['<!DOCTYPE', 'a DOCTYPE'],
  ['<?', 'a processing instruction'],
] as const;

/**
 * Checks a text for Tencent IVH against the SSML specification (TC-1240/81278 and TCI-1211/65921, 2025-06-27)
 * and the rules of the API pages: no line breaks, symbols escaped. A text without `<` and `&` is not parsed.
 */
export function checkSsml(text: string): SsmlFindings {
  const problems: Finding[] = [];
  for (const { index } of text.matchAll(/\r\n|[\r\n\u2028\u2029]/g))
    problems.push({ at: index, sentence: 'a line break is not allowed; write one line.' });
  if (!/[<&]/.test(text)) return { problems: told(text, problems), warnings: [], actions: [], plain: text };

  const warnings: Finding[] = [];
  // The parser reports a bare "&" only where the text ends, so they are found here and hidden from it, as is
  // half a surrogate pair, which it would join with whatever follows. Neither changes a position.
  const bareAmpersand = /&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[\da-fA-F]+);)([a-zA-Z]\w{0,30};)?/g;
  for (const { index, 1: name } of text.matchAll(bareAmpersand))
    problems.push({
      at: index,
      sentence: name
        ? `${show(`&${name}`)} is not an entity of XML; write its character, or &amp; for the sign "&".`
        : 'a bare "&" is not allowed; write &amp;.',
    });
  const source = text
    .replace(bareAmpersand, (found) => `＆${found.slice(1)}`)
    .replace(/\p{Surrogate}/gu, '\uFFFD');
  const read = readElements(source, problems, warnings);
  return { ...read, problems: told(text, problems), warnings: told(text, warnings) };
}

/** One pass over the markup, up to the first place where it is not well-formed. */
function readElements(
  source: string,
  problems: Finding[],
  warnings: Finding[],
): Pick<SsmlFindings, 'actions' | 'plain'> {
  const open: Element[] = [];
  const placed: Element[] = [];
  const strange = new Set<string>();
  let plain = '';
  let points = 0;
  let follows: Element['follows'] = 'nothing';
  let fault: Error | undefined;
  const parser = new SaxesParser({ xmlns: false, fragment: true, position: false });

  // No "<" can stand in text or in an attribute: the next one after the last markup begins the present one.
  let mark = 0;
  const present = () => source.indexOf('<', mark);
  const foreign = (at: number) => {
    const construct = foreignConstructs.find(([begin]) => source.startsWith(begin, at))?.[1];
    return construct && `${construct} is not allowed; leave it out.`;
  };

  const malformed = (at: number, why: string): never => {
    const start = present();
    const construct = start >= 0 && start <= at ? foreign(start) : undefined;
    const sentence = construct ?? `the markup is not well-formed: ${why}`;
    // A comment with "--" in it has been told already, when its "--" was taken for the end.
    if (why !== '"malformed comment".') problems.push({ at: construct ? start : at, sentence });
    fault = new Error('not well-formed');
    throw fault;
  };
  const once = (at: number, sentence: string) => {
    if (!strange.has(sentence)) warnings.push({ at, sentence });
    strange.add(sentence);
  };
  const skip = () => {
    problems.push({ at: present(), sentence: foreign(present()) ?? '' });
    mark = parser.position;
  };
  const content = (text: string) => {
    plain += text;
    points += length(text);
    const seen = text.trimEnd();
    if (seen) follows = /\p{P}$/u.test(seen) ? 'punctuation' : 'text';
    const inside = open.at(-1);
    if (inside) inside.text += text;
  };
  const nest = (name: string, at: number) => {
    const parent = open.at(-1);
    const holds = parent ? rules.get(parent.name)?.holds : undefined;
    if (!parent || !holds || holds === 'anything') return;
    if (holds === 'only text and insert-action' && name === 'insert-action') return;
    const sentence = `${parent.name} may hold ${holds}, so ${show(name)} cannot stand in it.`;
    (parent.name === 'insert-action' ? warnings : problems).push({ at, sentence });
  };

  parser.on('text', content);
  parser.on('opentag', ({ name, attributes }) => {
    const at = present();
    mark = parser.position;
    nest(name, at);
    const rule = rules.get(name);
    if (!rule)
      once(at, `${show(name)} is not a tag of the specification; the cloud may ignore or refuse it.`);
    else
      for (const attribute of Object.keys(attributes))
        if (!rule.attributes.includes(attribute))
          once(at, `${name} has no attribute ${show(attribute)}; the cloud may ignore or refuse it.`);
    if (name === 'speak' && (open.length > 0 || source.slice(0, at).trim() !== ''))
      warnings.push({ at, sentence: 'speak is not the outermost tag; put it around all or leave it out.' });
    open.push({ name, at, attributes, before: points, follows, text: '' });
  });
  parser.on('closetag', ({ name, isSelfClosing }) => {
    const element = open.pop();
    if (!element) return;
    const { at } = element;
    if (!isSelfClosing) {
      const end = present();
      const closed = source.slice(end + 2, parser.position - 1).trimEnd();
      // The parser hands out the open element first and compares names afterwards.
      if (closed !== name) malformed(end, `${show(`</${closed}>`)} stands where ${show(name)} must close.`);
      mark = parser.position;
    }
    const rule = rules.get(name);
    const problem = (sentence: string) => problems.push({ at, sentence });
    const warning = (sentence: string) => warnings.push({ at, sentence });
    rule?.inspect?.(element, problem, warning);
    if (rule?.holds === 'nothing' && element.text)
      (name === 'break' ? problem : warning)(`${name} must be empty, and holds ${show(element.text)}.`);
    if (name === 'insert-action') placed.push(element);
    if (name === 'speak' && open.length === 0 && source.slice(mark).trim() !== '')
      warning('speak is not around the whole text; put it around all or leave it out.');
  });
  parser.on('cdata', (text) => {
    skip();
    content(text);
  });
  parser.on('comment', skip);
  parser.on('processinginstruction', skip);
  parser.on('error', ({ message }) => {
    const start = present();
    const read = Math.min(parser.position, source.length) - 1;
    const last = /character entity/.test(message) ? source.lastIndexOf('&', read) : read;
    // Said only at the closing ">", or about the first character after "<": the "<" is what needs mending.
    const atStart = /^(?:duplicate|incorrect)|clos(?:e|ing) tag/.test(message) || last === start + 1;
    const mend = last === start + 1 ? '; write &lt; for the sign "<"' : '';
    malformed(atStart && start >= 0 ? start : last, `${quoted(message.replace(/\.$/, ''), 60)}${mend}.`);
  });

  try {
    parser.write(source);
    const unclosed = open.at(-1);
    if (present() >= 0) malformed(present(), 'this tag has no end; write &lt; for the sign "<".');
    if (unclosed) malformed(unclosed.at, `${show(unclosed.name)} is never closed.`);
    parser.close();
  } catch (error) {
    if (error !== fault) throw error;
  }

  for (const { at, before } of fault ? [] : placed) {
    const after = points - before;
    if (Math.min(before, after) >= actionRoom) continue;
    const room = `it wants ${actionRoom} characters on each side, and has ${before} before, ${after} after`;
    warnings.push({ at, sentence: `the action may not show: ${room}.` });
  }
  const actions = placed.flatMap(({ attributes }) => (attributes.type?.trim() ? [attributes.type] : []));
  return { actions, plain };
}
