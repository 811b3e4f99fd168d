import * as z from 'zod';
import { Failure, foreignText, oneLine } from '../core/failure.ts';
import { type Asset, assetKinds, readAssets } from '../clouds/tencent-ivh/assets.ts';
import { missingKeys } from '../clouds/credentials.ts';
import { defineTool, reading, type StandingTool } from './tool.ts';

const keptMs = 60_000;
const kept = new WeakMap<object, Map<string, { at: number; assets: Asset[] }>>();

/** Whether any word of an asset holds what is searched for. */
function holds(asset: Asset, words: readonly string[]): boolean {
  const text = JSON.stringify(asset).toLowerCase();
  return words.every((word) => text.includes(word));
}

/** Strangers' names made safe: one line each, capped. */
function shown(value: unknown): unknown {
  if (typeof value === 'string') return oneLine(value, 300);
  if (Array.isArray(value)) return value.map(shown);
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(
      Object.entries(value).map(([name, field]) => [foreignText(name, 60), shown(field)]),
    );
  return value;
}

const listAssets = defineTool({
  name: 'list_assets',
  cloud: 'ivh',
  title: 'Voices, avatars, actions, quota (Tencent IVH)',
  description:
    'What the IVH account may use: timbre_key of voices, virtualman_key of avatars, action codes of one avatar, purchased quota.',
  input: z
    .strictObject({
      kind: z.enum(assetKinds),
      search: z
        .string()
        .min(1)
        .max(100)
        .optional()
        .describe('Words that must all occur, e.g. "female en-US".'),
      virtualman_key: z.string().min(1).max(128).optional().describe('The avatar, for actions.'),
      limit: z.int().min(1).max(100).optional().describe('Default 20.'),
      cursor: z.string().min(1).max(20).optional().describe('next_cursor of the page before.'),
    })
    .refine(({ kind, virtualman_key: key }) => kind !== 'actions' || key !== undefined, {
      path: ['virtualman_key'],
      message: 'is needed for actions',
    }),
  output: z.object({
    kind: z.string(),
    total: z.int(),
    items: z.array(z.object({})),
    next_cursor: z.string().optional(),
  }),
  annotations: reading,
  async run({ kind, search, virtualman_key: key, limit = 20, cursor }, application) {
    const start = Number(cursor ?? 0);
    if (!Number.isSafeInteger(start) || start < 0)
      throw new Failure({
        kind: 'invalid_input',
        message: 'The cursor is not one that list_assets gave.',
        advice: 'Leave cursor out to start from the first entry.',
      });
    const connections = await application.connections();
    const ask = connections.ivh?.ask;
    if (!connections.ivh || !ask) throw missingKeys('ivh');
    const cache = kept.get(connections.ivh) ?? new Map<string, { at: number; assets: Asset[] }>();
    kept.set(connections.ivh, cache);
    const name = `${kind} ${key ?? ''}`;
    let entry = cache.get(name);
    if (!entry || application.now() - entry.at > keptMs) {
      entry = { at: application.now(), assets: await readAssets(ask, kind, key) };
      cache.set(name, entry);
    }
    const words = (search ?? '').toLowerCase().split(/\s+/).filter(Boolean);
    const found = words.length > 0 ? entry.assets.filter((asset) => holds(asset, words)) : entry.assets;
    const items = found.slice(start, start + limit).map((asset) => shown(asset) as Record<string, unknown>);
    const end = start + items.length;
    const next = end < found.length ? String(end) : undefined;
    const lines = items.map((item) =>
      Object.entries(item)
        .map(([field, value]) => `${field}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
        .join(' · '),
    );
    if (lines.length === 0) lines.push(`No ${kind}${search ? ' match' : ''}.`);
    if (next) lines.push(`${found.length} in all; more: call again with cursor ${next}`);
    return {
      structured: { kind, total: found.length, items, ...(next && { next_cursor: next }) },
      text: lines.join('\n'),
    };
  },
});

/** Tools that look up what an account owns. */
export const assetTools: readonly StandingTool[] = [listAssets];
