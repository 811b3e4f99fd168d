import type * as z from 'zod';
import type { Cloud } from '../core/operation.ts';
import type { Application } from './application.ts';
import type { Caller } from './caller.ts';
import type { ToolDefinition } from './catalog.ts';

/** What a running call may use of the connection that it came by. */
export interface CallContext {
  readonly caller: Caller;
  readonly signal: AbortSignal;
  /** Present when the caller asked for progress. */
  readonly progress?: (progress: number, total: number, message: string) => Promise<void>;
}

export interface ToolAnswer {
  readonly structured: Record<string, unknown>;
  readonly text: string;
}

/** A tool that submits nothing: it reads, waits, cancels or fetches. */
export interface StandingTool<Input extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  /** The cloud without which it is of no use. */
  readonly cloud?: Cloud;
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  readonly output: z.ZodType;
  readonly annotations: ToolDefinition['annotations'];
  run(input: z.output<Input>, application: Application, context: CallContext): Promise<ToolAnswer>;
}

/** Identity, for inference. */
export const defineTool = <Input extends z.ZodObject>(tool: StandingTool<Input>): StandingTool<Input> => tool;

/** Annotations of a tool that changes nothing. */
export const reading = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: true,
} as const;
