import { z } from 'zod';
import { operationsAt } from '../clouds/index.ts';
import type { Cloud, Operation, Site } from '../core/operation.ts';
import { jobResultSchema } from './job-result.ts';
import { jobTools } from './job-tools.ts';
import type { CatalogEntry, ToolDefinition } from './catalog.ts';
import { hostSchema } from './schema.ts';

/** A one-path icon, kept short: it travels with every tool. */
function icon(colour: string, path: string) {
  const svg = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'><path fill='${colour}' d='${path}'/></svg>`;
  return [{ src: `data:image/svg+xml,${svg.replaceAll('#', '%23')}`, mimeType: 'image/svg+xml' }];
}

const person = 'M4 0a2 2 0 010 4a2 2 0 010-4M0 8a4 3 0 018 0';
const icons: Readonly<Record<Cloud | 'jobs', ReturnType<typeof icon>>> = {
  vclm: icon('#07f', person),
  vclm_intl: icon('#07f', person),
  ivh: icon('#0a9', person),
  dashscope: icon('#f60', person),
  jobs: icon('#678', 'M0 1h8v1H0M0 4h8v1H0M0 7h5v1H0'),
};

/** What every submit tool takes beside the operation's own fields. */
const submitOptions = {
  idempotency_key: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe('Same key and input: the same job, never a second one. Use one for every submission.'),
  dry_run: z.boolean().optional().describe('Check everything, submit nothing.'),
};

/** The whole input of a submit tool. */
export function submitInput(operation: Operation) {
  return operation.input.safeExtend(submitOptions);
}

function submitDefinition(operation: Operation): ToolDefinition {
  return {
    name: operation.name,
    title: operation.title,
    description: operation.description,
    inputSchema: { ...hostSchema(submitInput(operation)), type: 'object' },
    outputSchema: { ...hostSchema(jobResultSchema), type: 'object' },
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
    icons: icons[operation.wire.cloud],
  };
}

/** Every tool of a site, submit tools first, as one prepared list. */
export function catalogFor(site: Site): CatalogEntry[] {
  return [
    ...operationsAt(site).map((operation) => ({
      cloud: operation.wire.cloud,
      definition: submitDefinition(operation),
    })),
    ...jobTools.map(({ name, title, description, input, output, annotations }) => ({
      definition: {
        name,
        title,
        description,
        inputSchema: { ...hostSchema(input), type: 'object' as const },
        outputSchema: { ...hostSchema(output), type: 'object' as const },
        annotations,
        icons: icons.jobs,
      },
    })),
  ];
}
