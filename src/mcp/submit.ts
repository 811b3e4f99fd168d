import { Failure } from '../core/failure.ts';
import type { Operation } from '../core/operation.ts';
import type { Application } from './application.ts';
import { problemLines, readArguments } from './arguments.ts';
import { missingKeys } from '../clouds/credentials.ts';
import { answerFor } from './job-tools.ts';
import type { ToolAnswer } from './tool.ts';
import type { JsonSchema } from './schema.ts';
import { submitInput } from './tools.ts';

const inputs = new Map<Operation, ReturnType<typeof submitInput>>();

function inputOf(operation: Operation): ReturnType<typeof submitInput> {
  const known = inputs.get(operation) ?? submitInput(operation);
  inputs.set(operation, known);
  return known;
}

function dryRun(warnings: readonly string[], error?: Failure): ToolAnswer {
  const problems = problemLines(error?.problems ?? []);
  const structured = {
    valid: !error,
    problems,
    warnings: [...warnings],
    next: error
      ? 'Mend the problems and try again; nothing was submitted.'
      : 'Valid. Submit it by calling again without dry_run; nothing was submitted.',
  };
  const text = [
    error ? 'Not valid.' : 'Valid.',
    ...problems,
    ...warnings.map((warning) => `Warning: ${warning}`),
    structured.next,
  ];
  return { structured, text: text.join('\n') };
}

/** Runs a submit tool: checks everything, then commits and sends, in that order. */
export async function submit(
  operation: Operation,
  schema: JsonSchema,
  raw: unknown,
  application: Application,
): Promise<ToolAnswer> {
  const wantsDryRun = /^true$/i.test(String((raw as { dry_run?: unknown } | undefined)?.dry_run));
  let read: Record<string, unknown>;
  try {
    read = readArguments(operation.name, inputOf(operation), schema, raw);
  } catch (error) {
    if (wantsDryRun && error instanceof Failure && error.problems.length > 0) return dryRun([], error);
    throw error;
  }
  const { idempotency_key: idempotencyKey, dry_run: _, ...input } = read;
  const warnings = operation.warnings?.(operation.encode(input)) ?? [];
  if (wantsDryRun) return dryRun(warnings);
  if (!application.isConfigured(operation.wire.cloud)) throw missingKeys(operation.wire.cloud);
  const engine = await application.engine();
  const job = await engine.submit(operation, {
    input,
    warnings,
    idempotencyKey: idempotencyKey as string | undefined,
  });
  return answerFor(application, job);
}
