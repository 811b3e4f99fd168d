import { describe, expect, it } from 'vitest';
import { clip, displayWidth, tableLines, wrap } from '../../src/cli/terminal.ts';

describe('text on a terminal', () => {
  it.each([
    ['abc', 3],
    ['处理中', 6],
    ['한글', 4],
    ['🎬', 2],
    ['e\u0301', 1],
    ['', 0],
  ])('%s takes %i columns', (text, columns) => {
    expect(displayWidth(text)).toBe(columns);
  });

  it('clips to the columns there are, never splitting a character', () => {
    expect(clip('abcdef', 6)).toBe('abcdef');
    expect(clip('abcdef', 4)).toBe('abc…');
    expect(clip('处理中', 5)).toBe('处理…');
    expect(clip('处理中', 4)).toBe('处…');
    expect(clip('abc', 0)).toBe('');
  });

  it('aligns columns by width, cuts lines to the terminal, and only there', () => {
    const rows = [
      ['处理中', 'second', 'a note that is quite long'],
      ['x', 'y', 'z'],
    ];
    expect(tableLines(['A', 'B', 'C'], rows)).toEqual([
      'A       B       C',
      '处理中  second  a note that is quite long',
      'x       y       z',
    ]);
    const narrow = tableLines(['A', 'B', 'C'], rows, 20);
    expect(Math.max(...narrow.map(displayWidth))).toBe(20);
    expect(narrow[1]).toBe('处理中  second  a n…');
  });

  it('wraps between words, and leaves a word that is too long whole', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('https://example.com/long b', 10)).toEqual(['https://example.com/long', 'b']);
  });
});
