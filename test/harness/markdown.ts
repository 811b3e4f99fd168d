import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './processes.ts';

export interface Block {
  readonly language: string;
  readonly text: string;
  /** The headings above it, outermost first. */
  readonly headings: readonly string[];
  /** The last line of text before it. */
  readonly before: string;
}

export interface Heading {
  readonly level: number;
  readonly text: string;
}

export interface MarkdownPage {
  readonly text: string;
  readonly headings: readonly Heading[];
  readonly blocks: readonly Block[];
  /** By the name in its marker. */
  readonly generated: Readonly<Record<string, string>>;
  /** Targets of links and pictures. */
  readonly links: readonly string[];
}

/** Headings and fenced blocks of a page, in their order; what stands inside a block is not a heading. */
export function readPage(name: string): MarkdownPage {
  const text = readFileSync(join(root, name), 'utf8');
  const headings: Heading[] = [];
  const blocks: Block[] = [];
  const above: string[] = [];
  let before = '';
  let open: { language: string; lines: string[] } | undefined;
  for (const line of text.split('\n')) {
    const fence = /^```(\w*)$/.exec(line);
    if (fence && open) {
      blocks.push({
        language: open.language,
        text: `${open.lines.join('\n')}\n`,
        headings: [...above],
        before,
      });
      open = undefined;
    } else if (fence) open = { language: fence[1] ?? '', lines: [] };
    else if (open) open.lines.push(line);
    else {
      const [, marks, title] = /^(#+) (.+)$/.exec(line) ?? [];
      if (marks && title) {
        headings.push({ level: marks.length, text: title });
        above.splice(marks.length - 1);
        above[marks.length - 1] = title;
      }
      if (line.trim() !== '') before = line.trim();
    }
  }
  const tables = text.matchAll(/<!-- generated:(\w+) -->\n([\s\S]*?)<!-- \/generated -->/g);
  const prose = text.replaceAll(/```[\s\S]*?\n```/g, '');
  return {
    text,
    headings,
    blocks,
    generated: Object.fromEntries([...tables].map(([, table, content]) => [table ?? '', content ?? ''])),
    links: [...prose.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target]) => target ?? ''),
  };
}
