import * as z from 'zod';
import { operationsAt } from '../clouds/index.ts';
import type { Cloud, Operation, Site } from '../core/operation.ts';
import { jobResultSchema } from './job-result.ts';
import { assetTools } from './asset-tools.ts';
import { jobTools } from './job-tools.ts';
import { mediaTools } from './media-tools.ts';
import type { StandingTool } from './tool.ts';
import type { CatalogEntry, ToolDefinition } from './catalog.ts';
import { hostSchema, outline } from './schema.ts';

/** A disc in the cloud's colour: anything more would cost every tool list hundreds of tokens. */
function disc(colour: string) {
  const svg = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='-4 -4 8 8'><circle r='4' fill='${colour}'/></svg>`;
  return [{ src: `data:image/svg+xml,${svg}` }];
}

const icons: Readonly<Record<Cloud | 'jobs', ReturnType<typeof disc>>> = {
  vclm: disc('blue'),
  vclm_intl: disc('blue'),
  ivh: disc('teal'),
  dashscope: disc('coral'),
  jobs: disc('gray'),
};

/** Every tool that submits nothing, in the order in which hosts list them. */
export const standingTools: readonly StandingTool[] = [...jobTools, ...mediaTools, ...assetTools];

/** What every submit tool takes beside the operation's own fields. */
const submitOptions = {
  idempotency_key: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe('Same key and input: same job. Always give one.'),
  dry_run: z.boolean().optional().describe('Check only.'),
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
    outputSchema: { ...outline(jobResultSchema), type: 'object' },
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
    icons: icons[operation.wire.cloud],
  };
}

/** Every tool of a site, submit tools first, as one prepared list. */
export function catalogFor(site: Site): CatalogEntry[] {
  return [
    ...operationsAt(site).map((operation) => ({
      cloud: operation.wire.cloud,
      submits: true,
      definition: submitDefinition(operation),
    })),
    ...standingTools.map(({ cloud, name, title, description, input, output, annotations }) => ({
      ...(cloud && { cloud }),
      definition: {
        name,
        title,
        description,
        inputSchema: { ...hostSchema(input), type: 'object' as const },
        outputSchema: { ...outline(output), type: 'object' as const },
        annotations,
        icons: icons[cloud ?? 'jobs'],
      },
    })),
  ];
}
