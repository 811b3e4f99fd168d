import { readFileSync } from 'node:fs';
import type { Cloud, Site } from '../core/operation.ts';
import type { JsonSchema } from './schema.ts';

/** One tool as hosts are shown it. */
export interface ToolDefinition {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: JsonSchema & { type: 'object' };
  readonly outputSchema: JsonSchema & { type: 'object' };
  readonly annotations: {
    readonly readOnlyHint: boolean;
    readonly destructiveHint: boolean;
    readonly idempotentHint: boolean;
    readonly openWorldHint: boolean;
  };
  readonly icons: ReadonlyArray<{ src: string }>;
}

/** A tool and the cloud that it needs; none for tools that work on stored jobs. */
export interface CatalogEntry {
  readonly cloud?: Cloud;
  /** True for submit tools: there is a page about the operation. */
  readonly submits?: boolean;
  readonly definition: ToolDefinition;
}

/** The tool list of each site, prepared at build time so that a start loads no schema. */
export type Catalog = Readonly<Record<Site, readonly CatalogEntry[]>>;

/** Reads the prepared list, which the build puts beside the bundle. */
export function readCatalog(): Catalog {
  return JSON.parse(readFileSync(new URL('catalog.json', import.meta.url), 'utf8')) as Catalog;
}
